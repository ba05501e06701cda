package kiesim

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"time"
)

// messages are the provider's usual words for a code. Only those of 401, 402, 422 and 430 were
// seen.
var messages = map[int]string{
	400: "Format Error",
	401: "You do not have access permissions",
	402: InsufficientCredits,
	404: "Not Found",
	409: wavExists,
	422: "Record does not exist",
	429: callFrequency,
	430: callFrequency,
	433: "The sub-key usage limit has been exceeded.",
	455: "The service is under maintenance. Please try again later.",
	500: "Server Error",
	505: "The feature is disabled.",
}

// InsufficientCredits is the text of a 402, which was also seen under code 500.
const InsufficientCredits = "Credits insufficient : Your current balance isn't enough to run this request. Please " +
	"top up to continue."

const callFrequency = "Your call frequency is too high. Please try again later."

// envelope is the frame of every answer.
func envelope(code int, msg string, data any) object {
	return object{{"code", code}, {"msg", msg}, {"data", data}}
}

func success(data any) object { return envelope(http.StatusOK, "success", data) }

// refusal is the envelope of an error. The documents show the one of 401 without data.
func refusal(code int, message string) object {
	message = cmp.Or(message, messages[code], "Error")
	if code == http.StatusUnauthorized {
		return object{{"code", code}, {"msg", message}}
	}
	return envelope(code, message, nil)
}

// endpoint counts the requests of an endpoint and lets only those with the API key in. A request
// without a User-Agent does not get past the edge.
func (s *Simulator) endpoint(name string, handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.bill.Requests[name]++
		s.mu.Unlock()
		if r.UserAgent() == "" {
			writeBlocked(w)
			return
		}
		key, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !bearer || key == "" || s.options.APIKey != "" && key != s.options.APIKey {
			writeJSON(w, r, http.StatusOK, refusal(http.StatusUnauthorized, ""))
			return
		}
		handle(w, r)
	}
}

// answer gives the honest answer, or what the fault makes of it.
func (s *Simulator) answer(w http.ResponseWriter, r *http.Request, fault Fault, honest object) {
	ctx, cancel := s.whileOpen(r)
	defer cancel()
	if !pause(ctx, time.Duration(fault.Delay)) {
		cut()
	}
	switch fault.Answer {
	case AnswerRefuse:
		writeJSON(w, r, cmp.Or(fault.Status, http.StatusOK), refusal(fault.Code, fault.Message))
	case AnswerHTML:
		writeHTML(w, cmp.Or(fault.Status, http.StatusBadGateway))
	case AnswerBlocked:
		writeBlocked(w)
	case AnswerHang:
		<-ctx.Done()
		cut()
	case AnswerCut:
		cut()
	case AnswerUnreadable:
		body := encode(honest)
		writeBody(w, r, http.StatusOK, body[:len(body)/2])
	case AnswerCutGzip:
		body := compress(encode(honest))
		apiHeaders(w.Header())
		w.Header().Set("Content-Encoding", "gzip")
		writeChunked(w, http.StatusOK, body[:len(body)/2])
	case AnswerNoData:
		writeJSON(w, r, http.StatusOK, success(nil))
	default:
		writeJSON(w, r, http.StatusOK, honest)
	}
}

// whileOpen is a context that ends when the client goes or the simulator closes.
func (s *Simulator) whileOpen(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	unhook := context.AfterFunc(s.closing, cancel)
	return ctx, func() { unhook(); cancel() }
}

// cut closes the connection as it is.
func cut() { panic(http.ErrAbortHandler) }

func writeJSON(w http.ResponseWriter, r *http.Request, status int, body object) {
	writeBody(w, r, status, encode(body))
}

// writeBody writes JSON as the provider does: compressed where the client takes it, and chunked.
func writeBody(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	apiHeaders(w.Header())
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	writeChunked(w, status, body)
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	// Neither can fail: a buffer takes everything.
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}

// writeChunked sends the body on its way before the server can learn its length.
func writeChunked(w http.ResponseWriter, status int, body []byte) {
	w.WriteHeader(status)
	_, _ = w.Write(body)
	_ = http.NewResponseController(w).Flush()
}

func apiHeaders(h http.Header) {
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("CF-Cache-Status", "DYNAMIC")
	h.Set("Set-Cookie", "JSESSIONID="+strings.ToUpper(newTaskID())+"; Path=/; HttpOnly")
	edgeHeaders(h)
}

func edgeHeaders(h http.Header) {
	var ray [8]byte
	rand.Read(ray[:])
	h.Set("Server", "cloudflare")
	h.Set("CF-Ray", hex.EncodeToString(ray[:])+"-SIM")
}

func writeHTML(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	text := http.StatusText(status)
	writeEdge(w, status, "<!DOCTYPE html>\n<html><head><title>"+text+"</title></head><body><h1>"+text+
		"</h1><p>cloudflare</p></body></html>\n")
}

func writeBlocked(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	writeEdge(w, http.StatusForbidden, "error code: 1010")
}

func writeEdge(w http.ResponseWriter, status int, text string) {
	edgeHeaders(w.Header())
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}
