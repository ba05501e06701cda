package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/callbackbridge"
	"stemflow/internal/token"
)

const secret = "a-callback-secret-of-32-bytes..."

// accepting is a Temporal that accepts every signal at once.
type accepting struct{}

func (accepting) SignalWorkflow(context.Context, string, string, string, any) error { return nil }

// served is a bridge behind the program's own server, and a token that it takes.
type served struct {
	t     testing.TB
	addr  string
	token string
}

// brisk are the limits of production, in a hurry.
func brisk() limits {
	l := productionLimits
	l.readHeader, l.read, l.idle = 300*time.Millisecond, 600*time.Millisecond, 300*time.Millisecond
	return l
}

func startServer(t testing.TB, l limits) *served {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	handler, err := callbackbridge.New(callbackbridge.Config{
		Signaler: accepting{}, Secrets: []string{secret}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, limitRate(listener, l, nil), handler, l, nil) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	keyring, err := token.NewKeyring([]string{secret})
	require.NoError(t, err)
	return &served{t, listener.Addr().String(), keyring.Mint(token.Claims{
		Namespace: "music", WorkflowID: "stems:1", Expires: time.Now().Add(time.Hour),
	})}
}

const callback = `{"code":200,"msg":"success","data":{"task_id":"3e63b4cc88d52611159371f6af5571e7","vocal_separation_info":null}}`

func (s *served) dial() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// says sends a request as it stands and returns the status of the answer; 0: the connection was
// closed without one.
func (s *served) says(request string) int {
	s.t.Helper()
	conn := s.dial()
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, request) }() // a server that has seen enough reads no more
	return s.answer(conn)
}

func (s *served) answer(conn net.Conn) int {
	s.t.Helper()
	require.NoError(s.t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		var slow net.Error
		require.False(s.t, errors.As(err, &slow) && slow.Timeout(), "neither an answer nor a closed connection")
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// requireServed demands that everybody else is served meanwhile.
func (s *served) requireServed() {
	s.t.Helper()
	response, err := http.Post("http://"+s.addr+"/callbacks/"+s.token, "application/json", strings.NewReader(callback))
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	require.Equal(s.t, http.StatusOK, response.StatusCode)
}

func TestHostileRequests(t *testing.T) {
	s := startServer(t, brisk())
	post := func(path, header, body string) string {
		return fmt.Sprintf(
			"POST %s HTTP/1.1\r\nHost: stems.example.com\r\nContent-Type: application/json\r\n%s\r\n%s",
			path,
			header,
			body,
		)
	}
	sized := func(body string) string {
		return post("/callbacks/"+s.token, fmt.Sprintf("Content-Length: %d\r\n", len(body)), body)
	}
	good := "/callbacks/" + s.token
	deep := func(open, shut string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) }
	inData := func(v string) string { return `{"code":200,"data":` + v + `}` }
	inInfo := func(v string) string {
		return inData(`{"task_id":"3e63b4cc88d52611159371f6af5571e7","vocal_separation_info":` + v + `}`)
	}
	for name, c := range map[string]struct {
		request string
		want    []int
	}{
		"a callback as it should be": {sized(callback), []int{200}},

		"body over the limit":            {sized(strings.Repeat(" ", 256<<10+1)), []int{413}},
		"body that claims a terabyte":    {post(good, "Content-Length: 1099511627776\r\n", strings.Repeat(" ", 2<<20)), []int{413}},
		"endless chunks":                 {post(good, "Transfer-Encoding: chunked\r\n", strings.Repeat("10000\r\n"+strings.Repeat(" ", 0x10000)+"\r\n", 20)), []int{413}},
		"a terabyte from a stranger":     {post("/callbacks/x", "Content-Length: 1099511627776\r\n", "x"), []int{401}},
		"no length":                      {post(good, "", ""), []int{400}},
		"GET":                            {"GET " + good + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{405}},
		"HEAD":                           {"HEAD " + good + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{405}},
		"a method of one's own":          {"STEAL " + good + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{405}},
		"OPTIONS *":                      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 404}},
		"CONNECT":                        {"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", []int{400, 404}},
		"TRACE":                          {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}},
		"absolute form of another host":  {"GET http://169.254.169.254/latest/meta-data/ HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}},
		"a form":                         {strings.Replace(sized(callback), "application/json", "application/x-www-form-urlencoded", 1), []int{415}},
		"multipart":                      {strings.Replace(sized(callback), "application/json", "multipart/form-data; boundary=x", 1), []int{415}},
		"malformed JSON":                 {sized(`{"code":200,`), []int{400}},
		"no UTF-8":                       {sized("\xff\xfe{\x00}\x00"), []int{400}},
		"a bomb of brackets":             {sized(strings.Repeat("[", 250_000)), []int{400}},
		"a bomb of objects":              {sized(strings.Repeat(`{"a":`, 50_000)), []int{400}},
		"deep where nobody looks":        {sized(`{"code":200,"data":{"task_id":"3e63b4cc88d52611159371f6af5571e7"},"x":` + deep("[", "]", 100_000) + `}`), []int{200, 400}},
		"deep in data":                   {sized(inData(deep("[", "]", 100_000))), []int{400}},
		"deep in the stems":              {sized(inInfo(deep(`{"vocal_url":`, "}", 15_000))), []int{200, 400}},
		"a code that is an object":       {sized(`{"code":{},"data":{"task_id":"3e63b4cc88d52611159371f6af5571e7"}}`), []int{400}},
		"a code beyond all numbers":      {sized(`{"code":1e999,"data":{"task_id":"3e63b4cc88d52611159371f6af5571e7"}}`), []int{400}},
		"a task id that is a list":       {sized(inData(`{"task_id":["a"]}`)), []int{400}},
		"a task id with a line break":    {sized(inData(`{"task_id":"a\nb"}`)), []int{400}},
		"a task id without end":          {sized(inData(`{"task_id":"` + strings.Repeat("a", 200_000) + `"}`)), []int{400}},
		"data that is a list":            {sized(`{"code":200,"data":[]}`), []int{400}},
		"a list for a body":              {sized(`[` + callback + `]`), []int{400}},
		"two bodies":                     {sized(callback + callback), []int{400}},
		"a huge header":                  {post(good, "X-Fill: "+strings.Repeat("a", 1<<20)+"\r\n", ""), []int{431}},
		"thousands of headers":           {post(good, strings.Repeat("X-Fill: a\r\n", 50_000), ""), []int{431}},
		"a huge request line":            {"POST /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{431}},
		"a token without end":            {post("/callbacks/"+strings.Repeat("a", 10_000), "Content-Length: 0\r\n", ""), []int{401}},
		"an encoded slash in the token":  {post("/callbacks/..%2fhealthz", "Content-Length: 0\r\n", ""), []int{401, 404}},
		"NUL in the token":               {post("/callbacks/%00", "Content-Length: 0\r\n", ""), []int{401}},
		"a broken escape":                {post("/callbacks/%zz", "Content-Length: 0\r\n", ""), []int{400}},
		"dot segments":                   {post("/callbacks/../callbacks/"+s.token, fmt.Sprintf("Content-Length: %d\r\n", len(callback)), callback), []int{404}},
		"dot segments, encoded":          {post("/%2e%2e/%2e%2e/etc/passwd", "Content-Length: 0\r\n", ""), []int{404}},
		"double slashes":                 {post("//callbacks//"+s.token, fmt.Sprintf("Content-Length: %d\r\n", len(callback)), callback), []int{404}},
		"a slash after the token":        {post(good+"/", "Content-Length: 0\r\n", ""), []int{404}},
		"a path without a slash":         {post("callbacks/"+s.token, "Content-Length: 0\r\n", ""), []int{400}},
		"two lengths":                    {post(good, "Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), []int{400}},
		"a negative length":              {post(good, "Content-Length: -1\r\n", ""), []int{400}},
		"a length and chunks":            {post(good, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), []int{400}},
		"an encoding that is none":       {post(good, "Transfer-Encoding: cow\r\n", ""), []int{400, 501}},
		"broken chunks":                  {post(good, "Transfer-Encoding: chunked\r\n", "zz\r\n"), []int{400}},
		"a header with a space":          {post(good, "Content-Length : 5\r\n", "hello"), []int{400}},
		"a folded header":                {post(good, "X-A: b\r\n c\r\nContent-Length: 0\r\n", ""), []int{400}},
		"a header with NUL":              {post(good, "X-A: \x00\r\n", ""), []int{400}},
		"no host":                        {"POST " + good + " HTTP/1.1\r\n\r\n", []int{400}},
		"HTTP/2 in clear":                {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{0, 400, 404, 505}},
		"a version of the future":        {"POST " + good + " HTTP/9.9\r\nHost: a\r\n\r\n", []int{505}},
		"TLS where there is none":        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 500), []int{0, 400}},
		"nothing but noise":              {strings.Repeat("\xde\xad\xbe\xef", 1<<18), []int{0, 400, 431}},
		"an upgrade":                     {post("/callbacks/x", "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n", ""), []int{401}},
		"a body that waits to be wanted": {post("/callbacks/x", "Expect: 100-continue\r\nContent-Length: 100\r\n", ""), []int{401}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &served{t, s.addr, s.token}
			require.Contains(t, c.want, s.says(c.request))
			s.requireServed()
		})
	}
}
