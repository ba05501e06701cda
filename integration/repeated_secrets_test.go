package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/telemetry/telemetrytest"
	"stemflow/kiesim"
)

// repeating stands before the provider and puts the token of the last paid call where an answer
// says TOKEN, as far as it is a secret, and notes it.
type repeating struct {
	mu     sync.Mutex
	spell  func(string) string
	tokens []string
}

func (p *repeating) serve(t *testing.T, provider string) string {
	target, err := url.Parse(provider)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(response *http.Response) error {
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.tokens) > 0 {
			quoted, _ := json.Marshal(p.spell(p.tokens[len(p.tokens)-1]))
			body = bytes.ReplaceAll(body, []byte("TOKEN"), quoted[1:len(quoted)-1])
		}
		response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		response.Header.Set("Content-Length", fmt.Sprint(len(body)))
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/generate") {
			body, _ := io.ReadAll(r.Body)
			var paid struct {
				CallbackURL string `json:"callBackUrl"`
			}
			_ = json.Unmarshal(body, &paid)
			p.mu.Lock()
			token := path.Base(paid.CallbackURL)
			p.tokens = append(p.tokens, token[len(token)-40:]) // its signature: the rest is no secret
			p.mu.Unlock()
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

var spelt = map[string]func(string) string{
	"bare":   func(s string) string { return s },
	"cut":    func(s string) string { return s[1 : len(s)-1] },
	"escape": func(s string) string { return percent(s, "%%%02x") },
	"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("key=" + s)) },
	"points": func(s string) string { return percent(s, `\u%04x`) },
}

func percent(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

// A provider that repeats our secrets, in whatever spelling, puts them neither into a history, a
// log, a span or a metric, nor into a manifest.
func TestSecretsThatTheProviderRepeatsAreNotTold(t *testing.T) {
	t.Parallel()
	const key, callback, webhook = "0f9e8d7c6b5a49382716", "callback-S3cret/with+signs", "webhook_key_of_the_account"
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	p := &programs{stack: s}
	var addr string
	collector := telemetrytest.NewCollector(t)
	var metrics [2]string // of bridge and worker
	for i := range metrics {
		metrics[i] = freeAddress(t)
	}
	secretVariables := []string{
		"STEMFLOW_CALLBACK_SECRETS=" + callback, "KIE_WEBHOOK_HMAC_KEY=" + webhook,
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL,
	}
	p.bridge, addr = startBridgeProcess(
		t, s.server, &p.bridgeLog, append(secretVariables, "STEMFLOW_METRICS_ADDR="+metrics[0])...)
	s.workerLog = &p.workerLog
	s.cfg.CallbackBaseURL, s.cfg.CallbackSecrets, s.cfg.APIKey = "http://"+addr, []string{callback}, key
	s.sim = kiesim.New(
		kiesim.Options{APIKey: key, WebhookHMACKey: webhook, RateLimit: kiesim.RateLimit{Tasks: -1}, Credits: 1e6},
	)
	provider := httptest.NewServer(s.sim)
	t.Cleanup(func() { _ = s.sim.Close(); provider.Close() })
	repeater := &repeating{spell: strings.Clone}
	s.cfg.BaseURL = repeater.serve(t, provider.URL)
	p.worker = s.startProgram(
		buildWorker(t), append(secretVariables, "KIE_API_KEY="+key, "STEMFLOW_METRICS_ADDR="+metrics[1])...)

	var histories bytes.Buffer
	export := func(run client.WorkflowRun) {
		events := s.client.GetWorkflowHistory(
			t.Context(),
			run.GetID(),
			run.GetRunID(),
			false,
			enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT,
		)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(event)
			require.NoError(t, err)
			histories.Write(text)
			// Payloads are base64 in the JSON of a history.
			for _, payload := range base64Texts(string(text)) {
				histories.WriteString(payload + "\n")
			}
		}
	}
	secrets := []string{key, callback, webhook, s.cfg.MinIO.SecretKey}
	var runs []client.WorkflowRun
	var tracks []stemflow.SeparateStemsInput
	for name, spell := range spelt {
		for i, secret := range secrets {
			refused := track(stemflow.SeparateVocal)
			refused.AudioID += fmt.Sprintf("-%s-%d", name, i)
			s.sim.SetScenario(refused.AudioID, kiesim.Scenario{
				Submit: kiesim.Fault{
					Answer:  kiesim.AnswerRefuse,
					Code:    401,
					Message: "planted <" + spell(secret) + ">",
				},
			})
			failed := track(stemflow.SeparateVocal)
			failed.AudioID += fmt.Sprintf("-failed-%s-%d", name, i)
			s.sim.SetScenario(failed.AudioID, kiesim.Scenario{
				Outcome: kiesim.Outcome{Failure: &kiesim.Failure{Message: "planted <" + spell(secret) + ">"}},
			})
			tracks = append(tracks, refused, failed)
			runs = append(runs, s.start(refused), s.start(failed))
		}
	}
	for _, run := range runs {
		require.Error(t, run.Get(t.Context(), nil))
		export(run)
	}
	for name, spell := range spelt {
		repeater.mu.Lock()
		repeater.spell = spell
		repeater.mu.Unlock()
		in := track(stemflow.SeparateVocal)
		in.CallbackGrace = stemflow.Duration(time.Second)
		in.AudioID += "-token-" + name
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{
			Outcome: kiesim.Outcome{
				Failure: &kiesim.Failure{Message: "planted TOKEN"},
			}, Callback: kiesim.Callback{Lost: true},
		})
		run := s.start(in)
		require.Error(t, run.Get(t.Context(), nil))
		export(run)
	}
	// Ledgers have the provider's word on a failure, and manifests nothing of what it says beside
	// links.
	done := track(stemflow.SplitStem)
	done.AudioID += "-done"
	extra := map[string]any{}
	for i, secret := range secrets {
		extra[fmt.Sprintf("title%d", i)] = "planted <" + secret + ">"
	}
	s.sim.SetScenario(done.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{ExtraFields: extra}})
	run := s.start(done)
	s.result(run)
	export(run)
	manifest, complete := s.manifest(done)
	require.True(t, complete)
	documents := []any{manifest, s.ledger(done)}
	for _, in := range tracks {
		documents = append(documents, s.ledger(in))
	}
	archived, err := json.Marshal(documents)
	require.NoError(t, err)

	measured := measures(t, metrics[0]) + measures(t, metrics[1])
	require.Contains(t, measured, "stemflow_")
	p.stop()
	var spans strings.Builder
	for _, span := range collector.Spans() {
		fmt.Fprintln(&spans, span)
	}
	require.Contains(t, spans.String(), "planted ", "errors are told in spans")

	told := map[string]string{
		"histories": histories.String(), "log of the worker": p.workerLog.String(),
		"log of the bridge": p.bridgeLog.String(), "spans": spans.String(), "metrics": measured,
		"archive": string(archived),
	}
	require.Greater(
		t,
		strings.Count(histories.String(), "planted "),
		2*len(spelt)*len(secrets),
		"the texts themselves are told",
	)
	require.Len(t, repeater.tokens, len(runs)+len(spelt)+1)
	for _, secret := range append(secrets, repeater.tokens[len(runs):]...) {
		for name, spell := range spelt {
			whole := spell(secret)
			part := min(len(whole), (len(whole)*12+len(secret)-1)/len(secret)+4)
			for i := 0; i+part <= len(whole); i++ {
				for place, text := range told {
					if at := strings.Index(text, whole[i:i+part]); at >= 0 {
						t.Fatalf("%s of %s is in the %s: ...%s", name, secret, place, text[max(0, at-300):at+part])
					}
				}
			}
		}
	}
}

// measures is what a program serves as its metrics.
func measures(t *testing.T, addr string) string {
	t.Helper()
	response, err := http.Get("http://" + addr + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

// base64Texts are the texts that stand in base64 in a JSON document.
func base64Texts(document string) []string {
	var texts []string
	for _, quoted := range strings.Split(document, `"`) {
		if text, err := base64.StdEncoding.DecodeString(quoted); err == nil && len(text) > 8 {
			texts = append(texts, string(text))
		}
	}
	return texts
}
