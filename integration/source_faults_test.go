package integration

import (
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/kiesim"
)

// The fault is one stem's, vocals; the other stem is the witness that nobody else is harmed.
func TestSourceFaultsThatPass(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	healthy := track(stemflow.SeparateVocal)
	want := contents(s.result(s.start(healthy)))
	for name, file := range map[string]kiesim.File{
		"truncated":                        {Fault: kiesim.FileTruncated, Times: 2},
		"truncated without a length":       {Fault: kiesim.FileTruncated, Times: 2, Chunked: true},
		"empty":                            {Fault: kiesim.FileEmpty, Times: 2},
		"HTML":                             {Fault: kiesim.FileHTML, Times: 2},
		"HTML under an audio type":         {Fault: kiesim.FileHTML, Times: 1, ContentType: "audio/mpeg"},
		"stalled":                          {Fault: kiesim.FileStall, Times: 1},
		"500":                              {Fault: kiesim.FileStatus, Status: 500, Times: 2},
		"503":                              {Fault: kiesim.FileStatus, Status: 503, Times: 2},
		"429":                              {Fault: kiesim.FileStatus, Status: 429, Times: 1},
		"slow":                             {BytesPerSecond: 30_000},
		"expired":                          {Expired: kiesim.ExpiredAtOnce},
		"expired, renewed by the record":   {Expired: kiesim.ExpiredAtOnce, RenewedBy: kiesim.RenewedByRecordInfo},
		"expired, renewed by download-url": {Expired: kiesim.ExpiredAtOnce, RenewedBy: kiesim.RenewedByDownloadURL},
		"expired with 404":                 {Expired: kiesim.ExpiredAtOnce, ExpiredStatus: 404},
		"expired with 410":                 {Expired: kiesim.ExpiredAtOnce, ExpiredStatus: 410},
		"expired with 400":                 {Expired: kiesim.ExpiredAtOnce, ExpiredStatus: 400},
		"expired with 401":                 {Expired: kiesim.ExpiredAtOnce, ExpiredStatus: 401},
		"404":                              {Fault: kiesim.FileStatus, Status: 404, Times: 2},
		"blocked":                          {Fault: kiesim.FileBlocked, Times: 2},
		"expired in the middle of a read, renewed by the record": {
			Expired: kiesim.ExpiredMidRead, RenewedBy: kiesim.RenewedByRecordInfo,
		},
		"expired in the middle of a read, renewed by download-url": {
			Expired: kiesim.ExpiredMidRead, RenewedBy: kiesim.RenewedByDownloadURL,
		},
		"wrong content type": {ContentType: "text/html"},
		"no length":          {Chunked: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{Files: map[string]kiesim.File{"vocals": file}})
			result := s.result(s.start(in))
			require.Equal(t, want, contents(result))
			require.Equal(t, "audio/mpeg", result.Stems[0].ContentType)
			s.requireArchived(in, result)
			require.Equal(t, 1, s.billed(in))
		})
	}
}

// A file host that has only a part of a file, and a provider that announces too long a duration, do
// not keep a run from its end: after the same has come several times it is archived, as measured.
func TestShortSources(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	const plays, size = 12.024, 96_192
	for name, c := range map[string]struct {
		file      kiesim.File
		size      int64
		announced float64
	}{
		"a third of the file":                  {kiesim.File{Fault: kiesim.FileShort}, size / 3, plays},
		"a third of the file at first":         {kiesim.File{Fault: kiesim.FileShort, Times: 2}, size, 0},
		"announced too long":                   {kiesim.File{AnnouncedSeconds: 600}, size, 600},
		"announced too long, without a length": {kiesim.File{AnnouncedSeconds: 600, Chunked: true}, size, 600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{Files: map[string]kiesim.File{"vocals": c.file}})
			result := s.result(s.start(in))
			s.requireArchived(in, result)
			stem := result.Stems[0]
			require.Equal(t, "vocals", stem.Name)
			require.Equal(t, c.size, stem.Size)
			require.InDelta(t, plays*float64(c.size)/size, stem.DurationSeconds, 0.03)
			require.InDelta(t, c.announced, stem.AnnouncedDurationSeconds, 0.01)
			require.Zero(t, result.Stems[1].AnnouncedDurationSeconds)
			require.Equal(t, 1, s.billed(in))
		})
	}
}

// What a file is decides how it is archived, not its name.
func TestContentsOfSources(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, c := range map[string]struct {
		content                kiesim.FileContent
		extension, contentType string
		seconds                float64
	}{
		"zeros before the audio": {kiesim.ContentZeros, ".mp3", "audio/mpeg", 12.024},
		"WAV behind a tag":       {kiesim.ContentWAV, ".wav", "audio/wav", 1},
		"a tag without audio":    {content: kiesim.ContentTagOnly},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			in.AllowPartial = true
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{
				Files: map[string]kiesim.File{"vocals": {Content: c.content, AnnouncedSeconds: c.seconds}},
			})
			result := s.result(s.start(in))
			s.requireArchived(in, result)
			if c.extension == "" {
				require.Len(t, result.Failed, 1)
				require.Equal(t, stemflow.ErrorSourceNotAudio, result.Failed[0].Type)
				return
			}
			stem := result.Stems[0]
			require.Equal(t, "vocals", stem.Name)
			require.Equal(t, c.extension, path.Ext(stem.Key))
			require.Equal(t, c.contentType, stem.ContentType)
			require.InDelta(t, c.seconds, stem.DurationSeconds, 0.03)
		})
	}
}

// contents are the hashes of the stems, by name.
func contents(result stemflow.SeparateStemsResult) map[string]string {
	sums := map[string]string{}
	for _, stem := range result.Stems {
		sums[stem.Name] = stem.SHA256
	}
	return sums
}

// A stem that cannot be had is left out of the archive as a whole, and allowPartial decides how the
// run ends.
func TestSourceFaultsThatStay(t *testing.T) {
	t.Parallel()
	const maxSize = 150_000 // a healthy stem has 96,192 bytes
	s := newStack(t, func(s *stack) { s.cfg.MaxStemSize = maxSize })
	for name, c := range map[string]struct {
		file kiesim.File
		want string
	}{
		"empty":   {kiesim.File{Fault: kiesim.FileEmpty}, stemflow.ErrorSourceNotAudio},
		"HTML":    {kiesim.File{Fault: kiesim.FileHTML}, stemflow.ErrorSourceNotAudio},
		"blocked": {kiesim.File{Fault: kiesim.FileBlocked}, stemflow.ErrorSourceBlocked},
		"expired": {
			kiesim.File{Expired: kiesim.ExpiredAtOnce, RenewedBy: kiesim.RenewedNever}, stemflow.ErrorSourceExpired,
		},
		"expired in the middle of a read": {
			kiesim.File{Expired: kiesim.ExpiredMidRead, RenewedBy: kiesim.RenewedNever}, stemflow.ErrorSourceExpired,
		},
		"too large":                  {kiesim.File{Size: 2 * maxSize}, stemflow.ErrorSourceTooLarge},
		"too large without a length": {kiesim.File{Size: 2 * maxSize, Chunked: true}, stemflow.ErrorSourceTooLarge},
		"on a forbidden host":        {kiesim.File{Redirect: "http://localhost:1"}, stemflow.ErrorSourceForbidden},
		"on an internal address":     {kiesim.File{Redirect: "http://169.254.169.254"}, stemflow.ErrorSourceForbidden},
	} {
		for _, partial := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", allowPartial"}[partial], func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				in := track(stemflow.SeparateVocal)
				in.AllowPartial = partial
				s.sim.SetScenario(in.AudioID, kiesim.Scenario{Files: map[string]kiesim.File{"vocals": c.file}})
				run := s.start(in)
				var stems []stemflow.Stem
				var failed []stemflow.FailedStem
				if partial {
					result := s.result(run)
					s.requireArchived(in, result)
					stems, failed = result.Stems, result.Failed
				} else {
					kind, message, details := s.failure(run)
					require.Equal(t, stemflow.ErrorArchiveIncomplete, kind, message)
					require.Equal(t, s.charges(in)[0].TaskID, details.SeparationTaskID)
					stems, failed = details.Stems, details.Failed
					require.Len(t, s.keys(in), 2, "the other stem and the ledger, no manifest and nothing of vocals")
				}
				require.Len(t, stems, 1)
				require.Equal(t, "instrumental", stems[0].Name)
				require.Len(t, failed, 1)
				require.Equal(t, "vocals", failed[0].Name)
				require.Equal(t, c.want, failed[0].Type, failed[0].Message)
				require.Equal(t, 1, s.billed(in))
			})
		}
	}
	t.Run("all of them", func(t *testing.T) {
		t.Parallel()
		s := s.on(t)
		in := track(stemflow.SeparateVocal)
		in.AllowPartial = true // of nothing there is no part
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{Files: map[string]kiesim.File{
			kiesim.AllStems: {Expired: kiesim.ExpiredAtOnce, RenewedBy: kiesim.RenewedNever},
		}})
		kind, message, _ := s.failure(s.start(in))
		require.Equal(t, stemflow.ErrorSourceExpired, kind, message)
		require.Len(t, s.keys(in), 1, "the ledger alone")
	})
}

// A stem of some megabytes goes through in pieces when its length is unknown, and is cut short
// without being taken for whole.
func TestLargeStemOfUnknownLength(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	const size = 12 << 20
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Files: map[string]kiesim.File{
		kiesim.AllStems: {Size: size, Chunked: true, Fault: kiesim.FileTruncated, Times: 1},
	}})
	result := s.result(s.start(in))
	s.requireArchived(in, result)
	require.EqualValues(t, size, result.Stems[0].Size)
}
