package kie

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// largestBody is what the bridge takes.
const largestBody = 256 << 10

// costlyBodies are callbacks that are as much work as a body of their length can be, by what they
// have many of.
func costlyBodies(size int) map[string][]byte {
	const head, tail = `{"code":200,"data":{"task_id":"t","vocal_removal_info":{"a":0`, `}}}`
	fill := func(open, format, end string) []byte {
		var b strings.Builder
		b.WriteString(head + open)
		for i := 0; ; i++ {
			next := format
			if strings.Contains(format, "%") {
				next = fmt.Sprintf(format, i)
			}
			if b.Len()+len(next)+len(end)+len(tail) > size {
				break
			}
			b.WriteString(next)
		}
		return []byte(b.String() + end + tail)
	}
	details := func(item string) []byte {
		return fill(`,"vocalUrl":"https://x.example/`+strings.Repeat("id-", 600)+`","originData":[{}`, ","+item, "]")
	}
	deep := `{}`
	for range 7 {
		deep = `{"data":` + string(quoted([]byte(deep))) + `}`
	}
	return map[string][]byte{
		"links":            fill("", `,"s%[1]dUrl":"https://x.example/%[1]d.mp3"`, ""),
		"short links":      fill("", `,"%xUrl":"http://a/b"`, ""),
		"one link":         fill("", `,"aUrl":"http://a/b"`, ""),
		"no links":         fill("", `,"aUrl":"None"`, ""),
		"null links":       fill("", `,"aUrl":null`, ""),
		"names of no link": fill("", `,"s%[1]dUrl":null`, ""),
		"pictures":         fill("", `,"imageUrl":"http://a/b"`, ""),
		"broken links":     fill("", `,"aUrl":"http://a/None"`, ""),
		"details":          details(`{"id":"id-%[1]d","audio_url":"https://y.example/%[1]d.mp3","stem_type_group_name":"s%[1]d"}`),
		"details of one":   details(`{"id":"id-%[1]d","stem_type_group_name":"Vocals"}`),
		"items":            details(`{}`),
		"lists in lists":   details(`[[]]`),
		"members":          fill("", `,"a":0`, ""),
		"folded members":   fill("", `,"_":0`, ""),
		"escaped members":  fill("", `,"\u0061":0`, ""),
		"objects":          fill("", `,"a":{}`, ""),
		"containers":       fill("", `,"response":{"b":{"c":{}}}`, ""),
		"strings":          fill("", `,"a":"{}"`, ""),
		"strings of lists": fill("", `,"a":"[[[[[[[[[[[[[[[[["`, ""),
		"deep strings":     fill("", `,"data":`+string(quoted([]byte(deep))), ""),
		"data":             fill("", `},"data":{"task_id":"t"`, ""),
		"one text":         fill(`,"a":"{`, `x`, `"`),
		"one link of it":   fill(`,"aUrl":"https://x.example/`, `x`, `"`),
		"escapes":          fill(`,"aUrl":"`, `\u0061`, `"`),
		"nesting":          fill(`,"a":[[`, `[],`, `1]]`),
		"states":           fill("", `,"successFlag":"FAILED"`, ""),
	}
}

func TestCostlyBodiesAreWhatTheySay(t *testing.T) {
	for name, body := range costlyBodies(largestBody) {
		require.True(t, json.Valid(body), name)
		require.Greater(t, len(body), largestBody*9/10, name)
		require.LessOrEqual(t, len(body), largestBody, name)
	}
}

// A body eight times as long takes eight times as long to read, and not sixty-four times.
func TestReadingGrowsWithTheLengthAlone(t *testing.T) {
	small, large := costlyBodies(largestBody/8), costlyBodies(largestBody)
	for name := range large {
		for what, read := range map[string]func([]byte){
			"task":     func(body []byte) { _, _ = ReadCallback(body) },
			"callback": func(body []byte) { _, _ = decodeCallback(body) },
			"record":   func(body []byte) { _, _ = Separation.decodeRecord(body) },
		} {
			// The fastest of many runs is what the work takes when nothing disturbs it. Both may be
			// disturbed alike, so it is as many runs as it takes.
			short, long := time.Hour, time.Hour
			for range 200 {
				short = min(short, timed(func() { read(small[name]) }))
				long = min(long, timed(func() { read(large[name]) }))
				if long < 24*short {
					break
				}
			}
			require.Less(t, long, 24*short, "%s of %s: %v for an eighth, %v for the whole", what, name, short, long)
		}
	}
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

func BenchmarkReadCallback(b *testing.B) {
	benchmarkBodies(b, func(body []byte) { _, _ = ReadCallback(body) })
}
func BenchmarkDecodeCallback(b *testing.B) {
	benchmarkBodies(b, func(body []byte) { _, _ = decodeCallback(body) })
}

func benchmarkBodies(b *testing.B, read func([]byte)) {
	bodies := costlyBodies(largestBody)
	var names []string
	for name := range bodies {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(bodies[name])))
			b.ReportAllocs()
			fastest := time.Hour // it is what the work takes, on a busy machine too
			for b.Loop() {
				fastest = min(fastest, timed(func() { read(bodies[name]) }))
			}
			b.ReportMetric(float64(fastest.Microseconds())/1000, "fastest-ms")
		})
	}
}

func TestCallbackIsBounded(t *testing.T) {
	for name, body := range costlyBodies(largestBody) {
		got, err := decodeCallback(body)
		require.NoError(t, err, name)
		require.Equal(t, "t", got.TaskID, name)
		requireBounded(t, got)
	}
	link := func(i, length int) string {
		return fmt.Sprintf(`"s%dUrl":"https://x.example/%s.mp3"`, i, strings.Repeat("x", length))
	}
	callback := func(links ...string) stemflow.Callback {
		got, err := decodeCallback([]byte(`{"code":200,"data":{"task_id":"t","response":{` + strings.Join(links, ",") + `}}}`))
		require.NoError(t, err)
		return got
	}
	var links []string
	for i := range stemflow.MaxStems {
		links = append(links, link(i, 100))
	}
	require.Len(t, callback(links...).Stems, stemflow.MaxStems)
	more := callback(append(links, link(99, 100))...)
	require.Equal(t, stemflow.Callback{TaskID: "t", Code: 200}, more, "the id and the code are what counts")
	require.Len(t, callback(link(1, 2000)).Stems, 1)
	require.Empty(t, callback(link(1, 2100)).Stems, "no link is as long")
	for i := range links {
		links[i] = link(i, 1000)
	}
	require.Empty(t, callback(links...).Stems, "too long in all")
}

func requireBounded(t *testing.T, c stemflow.Callback) {
	t.Helper()
	require.LessOrEqual(t, len(c.Stems), stemflow.MaxStems)
	require.LessOrEqual(t, size(c), maxCallback)
	require.LessOrEqual(t, len(c.Message), maxMessage)
	require.LessOrEqual(t, len(c.TaskID), 128)
}

func TestRecordOfTooManyStems(t *testing.T) {
	var links []string
	for i := range stemflow.MaxStems + 1 {
		links = append(links, fmt.Sprintf(`"s%dUrl":"https://x.example/%d.mp3"`, i, i))
	}
	body := func(links []string) string {
		return `{"code":200,"data":{"successFlag":"SUCCESS","response":{` + strings.Join(links, ",") + `}}}`
	}
	got, err := record(t, 200, body(links[1:]))
	require.NoError(t, err)
	require.Len(t, got.Stems, stemflow.MaxStems)
	_, err = record(t, 200, body(links))
	require.ErrorIs(t, err, errTooManyStems)
	require.NotErrorIs(t, err, ErrNoRecord)
}
