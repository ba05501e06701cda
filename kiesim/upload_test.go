package kiesim_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

// The frame is that of a recorded answer.
func TestAnUploadIsAnsweredAsTheProviderDoes(t *testing.T) {
	p := start(t, kiesim.Options{})
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	require.NoError(t, parts.WriteField("uploadPath", "music"))
	file, err := parts.CreateFormFile("file", "song.mp3")
	require.NoError(t, err)
	_, _ = file.Write([]byte("song"))
	require.NoError(t, parts.Close())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/api/file-stream-upload", &form)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+apiKey)
	request.Header.Set("Content-Type", parts.FormDataContentType())
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var answer struct {
		Success bool
		Code    int
		Msg     string
		Data    struct {
			Success  bool
			FileName string
			FileSize int
		}
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.True(t, answer.Success)
	require.Equal(t, 200, answer.Code)
	require.Equal(t, "File uploaded successfully", answer.Msg)
	require.True(t, answer.Data.Success)
	require.Equal(t, "song.mp3", answer.Data.FileName)
	require.Equal(t, 4, answer.Data.FileSize)
}
