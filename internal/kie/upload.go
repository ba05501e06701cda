package kie

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"time"

	"stemflow/internal/span"
	"stemflow/internal/useragent"
)

const (
	opUpload = "file-stream-upload"
	// pathUpload is below the base URL of uploads, which are another service than the API.
	pathUpload = "/api/file-stream-upload"
	// uploadFolder is where the files stand at the provider. It keeps them for three days.
	uploadFolder = "stemflow"
	// uploadTimeout bounds one upload of 20 MB: 70 kB a second.
	uploadTimeout = 5 * time.Minute
)

var errNoLink = errors.New("the answer reports success without a usable data.downloadUrl")

// Upload is a file for the provider to separate.
type Upload struct {
	// Name is the file's name at the provider, with its extension.
	Name, ContentType string
	// Size is in bytes, and Body has as many.
	Size int64
	Body io.Reader
}

// Upload hands a file to the provider, which costs nothing, and returns the address that the
// provider fetches it from. It is good for three days. Every error is an [*Error].
func (c *Client) Upload(ctx context.Context, u Upload) (downloadURL string, err error) {
	ctx, request := span.StartRequest(ctx, http.MethodPost, pathUpload, c.upload)
	defer func() { request.Finish(err) }()
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	req, err := c.uploadRequest(ctx, u)
	if err != nil {
		return "", &Error{Op: opUpload, Verdict: Rejected, Err: err}
	}
	resp, err := c.free.Do(req)
	if err != nil {
		return "", &Error{Op: opUpload, Err: c.redact.Error(withoutURL(err))}
	}
	defer resp.Body.Close()
	request.Answered(resp.StatusCode)
	l := call{op: opUpload}
	a, err := readAnswer(resp)
	switch {
	case err != nil:
		return "", &Error{Op: opUpload, HTTPStatus: resp.StatusCode, Err: c.redact.Error(err)}
	case !a.success():
		return "", c.refusal(l, a, a.oddity())
	}
	data, _ := parseObject(a.data)
	link := text(data.get("downloadUrl"))
	if !isAddress(link) {
		return "", c.refusal(l, a, errNoLink)
	}
	return link, nil
}

// isAddress reports whether a text is an address that a file may be fetched from.
func isAddress(text string) bool {
	at, err := url.Parse(text)
	return err == nil && at.Host != "" && len(text) <= maxLink && (at.Scheme == "https" || at.Scheme == "http")
}

// uploadRequest streams the file between the parts of a form whose length is known.
func (c *Client) uploadRequest(ctx context.Context, u Upload) (*http.Request, error) {
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	_ = parts.WriteField("uploadPath", uploadFolder) // a buffer takes all
	_ = parts.WriteField("fileName", u.Name)
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="file"; filename=%q`, u.Name))
	header.Set("Content-Type", u.ContentType)
	_, _ = parts.CreatePart(header)
	before := bytes.Clone(form.Bytes())
	form.Reset()
	_ = parts.Close()
	body := io.MultiReader(bytes.NewReader(before), u.Body, &form)
	size := int64(len(before)) + u.Size + int64(form.Len())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.upload.JoinPath(pathUpload).String(), body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", parts.FormDataContentType())
	req.Header.Set("User-Agent", useragent.Value)
	if c.apiKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	return req, nil
}
