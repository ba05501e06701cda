package naming

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQueriesThatMaySayWhichFileIsMeant(t *testing.T) {
	for _, address := range []string{
		"https://example.com/download.php?file=song.mp3", "https://example.com/uc?export=download&id=1a2b",
		"https://example.com/dl?id=1", "https://example.com/song.mp3?v=2", "https://example.com/stream.mp3?track=1&sig=abc",
		"https://example.com/?song", "https://example.com/dl?ID=1&X-Amz-Signature=abc", "https://example.com/dl?%69d=1",
		"https://example.com/dl?a;b",
	} {
		_, query, _ := strings.Cut(address, "?")
		require.True(t, QueryNamesFile(query), address)
	}
	for _, address := range []string{
		"https://example.com/song.mp3", "https://example.com/song.mp3?", "s3://bucket/key",
		"https://example.com/song.mp3?X-Amz-Algorithm=AWS4&X-Amz-Credential=a&X-Amz-Date=d&X-Amz-Expires=60&x-id=GetObject&X-Amz-Signature=s",
		"https://example.com/a?AWSAccessKeyId=a&Expires=1&Signature=s", "https://example.com/a?GoogleAccessId=a&Expires=1&Signature=s",
		"https://example.com/a?Expires=1&Signature=s&Key-Pair-Id=k&Policy=p", "https://example.com/a?sv=1&st=a&se=b&sr=b&sp=r&sig=s",
		"https://example.com/a?hdnts=exp=1~hmac=x", "https://example.com/o/song.mp3?alt=media&token=t", "https://example.com/s/x?dl=1",
		"https://example.com/a?q-sign-algorithm=sha1&q-ak=a&q-signature=s", "https://example.com/a?auth_key=1-0-0-x",
	} {
		_, query, _ := strings.Cut(address, "?")
		require.False(t, QueryNamesFile(query), address)
	}
}
