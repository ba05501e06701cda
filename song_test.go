package stemflow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

const contentSum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

func song(address, sum string) stemflow.SeparateStemsInput {
	return stemflow.SeparateStemsInput{AudioURL: address, AudioSHA256: sum}
}

func TestASongIsKnownByItsContent(t *testing.T) {
	for _, in := range []stemflow.SeparateStemsInput{
		song("https://example.com/song.mp3", contentSum),
		song("https://elsewhere.example.com/other.mp3?x=1", strings.ToUpper(contentSum)),
		song("s3://stems/in/song.mp3", contentSum),
	} {
		require.NoError(t, in.Validate())
		require.Equal(t, "stems:separate_vocal:sha256:"+contentSum, stemflow.WorkflowID(in))
		require.True(t, in.Track().IsSong())
	}
}

func TestASongIsKnownByItsAddressWithoutTheQuery(t *testing.T) {
	id := stemflow.WorkflowID(song("https://example.com/a/song.mp3", ""))
	require.Regexp(t, `^stems:separate_vocal:url:[0-9a-f]{64}$`, id)
	for _, same := range []string{
		"https://example.com/a/song.mp3?X-Amz-Signature=1", "https://EXAMPLE.com/a/song.mp3#t=10",
		"https://example.com:443/a/song.mp3", "HTTPS://example.com/a/song.mp3",
	} {
		require.NoError(t, song(same, "").Validate())
		require.Equal(t, id, stemflow.WorkflowID(song(same, "")), same)
	}
	for _, other := range []string{
		"https://example.com/a/Song.mp3", "https://example.com/a%2Fsong.mp3", "https://example.com:8443/a/song.mp3",
		"http://example.com/a/song.mp3", "https://www.example.com/a/song.mp3", "s3://example.com/a/song.mp3",
	} {
		require.NotEqual(t, id, stemflow.WorkflowID(song(other, "")), other)
	}
	require.NotEqual(
		t,
		stemflow.WorkflowID(song("s3://stems/a?b", "")),
		stemflow.WorkflowID(song("s3://stems/a?c", "")),
		"a key may have any character",
	)
}

func TestASongThatIsNoneIsRefused(t *testing.T) {
	both := song("https://example.com/song.mp3", "")
	both.TaskID, both.AudioID = "task", "audio"
	for want, in := range map[string]stemflow.SeparateStemsInput{
		"audioUrl: goes without taskId and audioId": both,
		"audioSha256: goes only with audioUrl":      {TaskID: "t", AudioID: "a", AudioSHA256: contentSum},
		"audioSha256: is no SHA-256":                song("https://example.com/song.mp3", "abc"),
		"audioUrl: has a scheme":                    song("ftp://example.com/song.mp3", ""),
		"audioUrl: names no host":                   song("https:///song.mp3", ""),
		"audioUrl: holds a user or password":        song("https://user:secret@example.com/song.mp3", ""),
		"audioUrl: is longer than":                  song("https://example.com/"+strings.Repeat("a", 5000), ""),
		"audioUrl: names no object":                 song("s3://stems/", ""),
		"audioUrl: names no bucket":                 song("s3://UPPER/song.mp3", ""),
		"audioUrl: is no address":                   song("https://example.com/a song.mp3", ""),
		"audioUrl: is no address of a host":         song("https://[2001:db8::1%25eth0]/song.mp3", ""),
		"taskId: is required":                       {},
	} {
		err := in.Validate()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestAddressesOfAnyScript(t *testing.T) {
	for _, address := range []string{
		"https://münchen.de/größe.mp3", "https://[2001:db8::1]:8443/song.mp3", "https://[::ffff:192.0.2.1]/song.mp3",
		"https://example.com/" + strings.Repeat("é", 4000), "s3://stems/" + strings.Repeat("é", 512),
	} {
		require.NoError(t, song(address, "").Validate(), address)
	}
	require.ErrorContains(t, song("s3://stems/"+strings.Repeat("é", 513), "").Validate(), "names no object")
}

func TestTheNameOfASong(t *testing.T) {
	for want, in := range map[string]stemflow.SeparateStemsInput{
		"Große Lieder": {AudioURL: "https://example.com/x.mp3", Title: "Große Lieder"},
		"große.mp3":    song("https://example.com/m/gro%C3%9Fe.mp3?s=1", ""),
		"song?.mp3":    song("s3://stems/in/song?.mp3", ""),
		"example.com":  song("https://example.com", ""),
		"the-audio-id": {TaskID: "t", AudioID: "the-audio-id"},
	} {
		require.Equal(t, want, in.SongName())
	}
}
