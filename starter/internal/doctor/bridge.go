package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"stemflow/internal/config"
	"stemflow/internal/kie"
	"stemflow/internal/token"
	"stemflow/internal/useragent"
)

// certificateWarning is how long before its end a certificate should have been renewed.
const certificateWarning = 14 * 24 * time.Hour

// bridge is what is known of the callback bridge.
type bridge struct {
	// base is its address; nil if it has none that can be asked.
	base *url.URL
}

func (d *doctor) bridgeChecks() []check {
	address := []string{"bridge-address"}
	return []check{
		{name: "bridge-address", limit: request, run: d.checkAddress},
		// An address that the provider cannot reach can be asked from here.
		{name: "bridge", after: address, limit: request, run: d.ifBridge(d.checkBridge)},
		{name: "bridge-certificate", after: address, limit: request, run: d.ifBridge(d.checkCertificate)},
		{name: "bridge-ready", needs: []string{"bridge"}, limit: request, run: d.ifBridge(d.checkReady)},
		{name: "bridge-secret", needs: []string{"bridge"}, limit: several, run: d.ifBridge(d.checkSecret)},
		{name: "bridge-signature", needs: []string{"bridge-secret"}, limit: several, run: d.ifBridge(d.checkSignature)},
	}
}

// ifBridge leaves a check out where there is no bridge.
func (d *doctor) ifBridge(run func(context.Context, *Result)) func(context.Context, *Result) {
	return func(ctx context.Context, r *Result) {
		if d.bridge.base == nil {
			r.skip("there is no address to ask")
			return
		}
		run(ctx, r)
	}
}

// checkAddress looks at the address that the provider is given, without asking it anything.
func (d *doctor) checkAddress(ctx context.Context, r *Result) {
	text := d.Survey.Worker.Callback.BaseURL
	if text == "" {
		if d.isReal() && d.hasProvider() && d.isMeant(config.ProgramWorker) {
			r.warn("STEMFLOW_CALLBACK_BASE_URL is not set: the provider is polled, and no callback is waited for",
				"set it to the bridge's public address, or leave it so where nothing can reach this network")
			return
		}
		r.skip("STEMFLOW_CALLBACK_BASE_URL is not set here: the provider is polled")
		return
	}
	base, err := url.Parse(text)
	if err != nil {
		r.skip("STEMFLOW_CALLBACK_BASE_URL is wrong, which the check configuration reports")
		return
	}
	host := base.Hostname()
	addresses, err := lookUp(ctx, host)
	if err != nil {
		r.fail(fmt.Sprintf("the name %s of STEMFLOW_CALLBACK_BASE_URL is not resolved: %v", host, err),
			"correct the address, or the DNS record, which the provider needs too")
		return
	}
	d.bridge.base = base
	r.ok("%s leads to %s", host, join(addresses))
	if !d.isReal() {
		return
	}
	const remedy = "set STEMFLOW_CALLBACK_BASE_URL to an address of the bridge that the Internet reaches " +
		"(docs/bridge.md), or " +
		"unset it to poll at once"
	_, literal := netip.ParseAddr(host)
	for _, address := range addresses {
		switch {
		case !isInternal(address):
		case literal == nil || address.IsLoopback() || address.IsUnspecified():
			r.fail(fmt.Sprintf("STEMFLOW_CALLBACK_BASE_URL leads to %s, which the provider cannot "+
				"reach", address), remedy)
		default:
			r.warn(fmt.Sprintf("%s is %s here, which the provider cannot reach: it is well only if the name is "+
				"another "+
				"address on the Internet", host, address), "look it up from outside (dig @1.1.1.1 "+
				""+host+"), and run this check there")
		}
	}
	if base.Scheme == "http" {
		r.warn("STEMFLOW_CALLBACK_BASE_URL is http: callback tokens travel in clear",
			"put TLS in front of the bridge, or give it a certificate (docs/bridge.md), and set the address to https")
	}
}

// isInternal reports whether an address leads nowhere on the Internet.
func isInternal(a netip.Addr) bool {
	a = a.Unmap()
	shared := netip.MustParsePrefix("100.64.0.0/10") // carrier-grade NAT
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() || shared.Contains(a)
}

// lookUp are the addresses of a host, which may be one itself.
func lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address}, nil
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	return addresses, err
}

func join(addresses []netip.Addr) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

// reply is an answer of what is at the bridge's address.
type reply struct {
	status   int
	header   http.Header
	body     string
	location string
}

// say is a request to the bridge. The path of a callback is a secret, so no error repeats it.
func (d *doctor) say(ctx context.Context, method, path string, header http.Header, body string) (reply, error) {
	u := strings.TrimSuffix(d.bridge.base.String(), "/") + path
	req, err := http.NewRequestWithContext(ctx, method, u, strings.NewReader(body))
	if err != nil {
		return reply{}, errors.New("the address of a request cannot be made")
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("User-Agent", useragent.Value)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	d.proxy.Apply(transport)
	defer transport.CloseIdleConnections()
	resp, err := d.clocks.watched("bridge", transport).RoundTrip(req)
	if err != nil {
		return reply{}, withoutURL(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, 8<<10))
	if err != nil {
		return reply{}, err
	}
	return reply{resp.StatusCode, resp.Header, string(content), resp.Header.Get("Location")}, nil
}

// callback is a request to the place of callbacks, with a token.
func (d *doctor) callback(ctx context.Context, token string, header http.Header, body string) (reply, error) {
	return d.say(ctx, http.MethodPost, "/callbacks/"+token, header, body)
}

// isUnauthorized reports whether an answer is the bridge's to a token or a signature that it does
// not know.
func (a reply) isUnauthorized() bool {
	return a.status == http.StatusUnauthorized && strings.TrimSpace(a.body) == "unauthorized"
}

// checkBridge asks with a token that nobody has signed. Nothing but the bridge refuses it as the
// bridge does, and it has no effect.
func (d *doctor) checkBridge(ctx context.Context, r *Result) {
	base := d.bridge.base
	a, err := d.callback(ctx, "doctor", nil, "")
	if err != nil {
		problem, remedy := unreachable(base, err)
		r.fail(problem, remedy)
		return
	}
	if a.isUnauthorized() {
		r.ok("the bridge answers at %s, as seen from this machine", base)
		return
	}
	problem, remedy := notTheBridge(base, a)
	r.fail(problem, remedy)
}

// unreachable says why nothing answers.
func unreachable(base *url.URL, err error) (problem, remedy string) {
	problem = fmt.Sprintf("%s does not answer: %v", base, err)
	if isCertificateError(err) {
		return problem, "renew the certificate, with its whole chain, for the name " + base.Hostname() +
			": the provider calls nothing that it cannot verify"
	}
	if strings.Contains(err.Error(), "HTTP response to HTTPS client") {
		return problem, "set STEMFLOW_CALLBACK_BASE_URL to http, or give the bridge, or the proxy before it, a " +
			"certificate"
	}
	return problem, "start the bridge, open the firewall and the ports before it, and check " +
		"STEMFLOW_CALLBACK_BASE_URL and its " +
		"DNS record"
}

func isCertificateError(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	return verification || authority
}

// notTheBridge says what answers in its place.
func notTheBridge(base *url.URL, a reply) (problem, remedy string) {
	what := fmt.Sprintf("what answers at %s is not the bridge (HTTP %d)", base, a.status)
	switch {
	case a.status/100 == 3:
		to, err := url.Parse(a.location)
		if err == nil && to.Scheme == "https" && base.Scheme == "http" && to.Hostname() == base.Hostname() {
			return fmt.Sprintf("%s redirects to https, and a callback does not follow a redirect", base),
				"set STEMFLOW_CALLBACK_BASE_URL to https://" + to.Host + base.Path
		}
		return what + ": it redirects, and a callback does not follow a redirect",
			"have " + base.Path + "/callbacks/ forwarded to the bridge without redirect or login"
	case a.status == http.StatusTooManyRequests:
		return what + ": it limits requests", "run the check again in a minute, and have /callbacks/ let through"
	case a.status == http.StatusBadGateway, a.status == http.StatusServiceUnavailable,
		a.status == http.StatusGatewayTimeout, a.status/10 == 52 || a.status/10 == 53:
		return what + ": the proxy or tunnel there does not reach it",
			"start the bridge, and correct where the proxy or tunnel sends /callbacks/"
	case strings.Contains(a.header.Get("Content-Type"), "html") || looksLikeHTML(a.body):
		return what + ": it is a web page, perhaps the front page of a tunnel or of another site",
			"have /callbacks/ forwarded to the bridge, and turn off the tunnel's page for visitors"
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden,
		a.status == http.StatusProxyAuthRequired:
		return what + ": something in front of it refuses the request",
			"have /callbacks/ let through without login or filter: the bridge checks each callback's token itself"
	case a.status == http.StatusNotFound:
		return what + ": it does not know the path",
			"have /callbacks/ forwarded to the bridge, and a path in STEMFLOW_CALLBACK_BASE_URL taken off by the proxy"
	default:
		return what, "check STEMFLOW_CALLBACK_BASE_URL, and what /callbacks/ is forwarded to"
	}
}

func looksLikeHTML(body string) bool {
	body = strings.ToLower(strings.TrimSpace(body))
	return strings.HasPrefix(body, "<!doctype html") || strings.HasPrefix(body, "<html")
}

// checkCertificate looks at the certificate that callers of the bridge see.
func (d *doctor) checkCertificate(ctx context.Context, r *Result) {
	base := d.bridge.base
	if base.Scheme != "https" {
		r.skip("STEMFLOW_CALLBACK_BASE_URL is http")
		return
	}
	if d.proxy.For(base) != nil {
		r.skip("the bridge is reached through the egress proxy")
		return
	}
	port := base.Port()
	if port == "" {
		port = "443"
	}
	dialer := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(base.Hostname(), port))
	if err != nil {
		if !isCertificateError(err) {
			r.skip("there is no connection to look at, which the check bridge reports")
			return
		}
		problem, remedy := unreachable(base, err)
		r.fail(problem, remedy)
		return
	}
	defer conn.Close()
	expires := conn.(*tls.Conn).ConnectionState().PeerCertificates[0].NotAfter
	left := time.Until(expires)
	r.ok("valid until %s", expires.UTC().Format(time.DateOnly))
	if left < certificateWarning {
		r.warn(fmt.Sprintf("the certificate expires in %d days, on %s", int(left.Hours()/24),
			expires.UTC().Format(time.DateOnly)), "renew it, and look why that did not happen by itself. The bridge "+
			"reads its files "+
			"again when they change")
	}
}

func (d *doctor) checkReady(ctx context.Context, r *Result) {
	a, err := d.say(ctx, http.MethodGet, "/readyz", nil, "")
	switch {
	case err != nil:
		r.fail(fmt.Sprintf("the bridge does not say whether it is ready: %v", err), "look at the bridge's log")
	case a.status == http.StatusOK && strings.Contains(a.body, `"status":"ok"`):
		r.ok("the bridge reaches Temporal")
	case a.status == http.StatusServiceUnavailable && strings.Contains(a.body, "Temporal cannot be reached"):
		r.fail("the bridge cannot reach Temporal, and answers callbacks with 503",
			"check TEMPORAL_ADDRESS and the credentials of the bridge, and its log")
	default:
		r.skip("the bridge's health is not public, as is wise: ask /readyz at its STEMFLOW_METRICS_ADDR")
	}
}

// probeLifetime is how long the token of a probe works.
const probeLifetime = 5 * time.Minute

// probe is a token that names a run which does not exist. Everything that is sent with it is
// refused by the bridge before it signals, so that not even a run of this name would learn of it.
func (d *doctor) probe(secret string) (string, error) {
	keyring, err := token.NewKeyring([]string{secret})
	if err != nil {
		return "", err
	}
	return keyring.Mint(token.Claims{
		Namespace: d.namespace(), WorkflowID: "stemflow-doctor-probe", Expires: time.Now().Add(probeLifetime),
	}), nil
}

// checkSecret sends a token that the configured secret has signed, with a body of a type that no
// callback has. The bridge looks at the token first.
func (d *doctor) checkSecret(ctx context.Context, r *Result) {
	secrets := d.Survey.Worker.Callback.Secrets
	if len(secrets) == 0 {
		r.skip("STEMFLOW_CALLBACK_SECRETS is not set here")
		return
	}
	for i, secret := range secrets {
		probe, err := d.probe(secret.Reveal())
		if err != nil {
			r.skip("STEMFLOW_CALLBACK_SECRETS is wrong, which the check configuration reports")
			return
		}
		a, err := d.callback(ctx, probe, http.Header{"Content-Type": {"text/plain"}}, "")
		switch {
		case err != nil:
			r.fail(fmt.Sprintf("the bridge did not answer: %v", err), "look at the bridge's log, and run the check "+
				"again")
			return
		case a.status == http.StatusUnsupportedMediaType:
		case a.isUnauthorized() && i == 0:
			r.fail("the bridge does not know the secret that signs callback addresses (the first of "+
				"STEMFLOW_CALLBACK_SECRETS "+
				"here), and refuses every callback", "give bridges and workers the same STEMFLOW_CALLBACK_SECRETS, "+
				"and start those "+
				"again that had others")
			return
		case a.isUnauthorized():
			r.warn(fmt.Sprintf("the bridge does not know secret %d of %d of STEMFLOW_CALLBACK_SECRETS: callbacks "+
				"whose address "+
				"it signed are refused", i+1, len(secrets)),
				"give the bridges all of them, and take an old one out everywhere a day after it was replaced")
		default:
			r.fail(fmt.Sprintf("a callback with a valid token gets HTTP %d in place of the bridge's answer", a.status),
				"look at what is between this machine and the bridge: it may change requests, or refuse some")
			return
		}
	}
	r.ok("the bridge knows the secret that signs callback addresses")
}

// probeBody names a task, so that a signature can be verified, and is no callback: its code is not
// a number. So the bridge refuses it once the signature has passed.
const probeBody = `{"code":{},"msg":"stemflow doctor","data":{"task_id":"` + noTask + `"}}`

func (d *doctor) checkSignature(ctx context.Context, r *Result) {
	probe, err := d.probe(d.Survey.Worker.Callback.Secrets[0].Reveal())
	if err != nil {
		r.skip("STEMFLOW_CALLBACK_SECRETS is wrong, which the check configuration reports")
		return
	}
	keys := d.Survey.Bridge.HMACKeys
	a, err := d.callback(ctx, probe, http.Header{"Content-Type": {"application/json"}}, probeBody)
	if err != nil {
		r.fail(fmt.Sprintf("the bridge did not answer: %v", err), "look at the bridge's log, and run the check again")
		return
	}
	switch signed := a.isUnauthorized(); {
	case !signed && a.status != http.StatusBadRequest:
		r.fail(fmt.Sprintf("an unsigned callback gets HTTP %d in place of the bridge's answer", a.status),
			"look at what is between this machine and the bridge: it may change requests, or refuse some")
		return
	case !signed && len(keys) > 0:
		r.fail("KIE_WEBHOOK_HMAC_KEY is set here, and the bridge takes callbacks without a signature",
			"set KIE_WEBHOOK_HMAC_KEY for the bridge, too, and start it again")
		return
	case !signed && d.isReal():
		r.warn("the bridge takes callbacks without the provider's signature",
			"make a webhook key at https://kie.ai/settings, and set KIE_WEBHOOK_HMAC_KEY for the bridge")
		return
	case !signed:
		r.ok("the bridge does not demand the provider's signature, and none is configured here")
		return
	case len(keys) == 0:
		r.ok("the bridge demands the provider's signature; KIE_WEBHOOK_HMAC_KEY is not set here, so its key is not " +
			"compared")
		return
	}
	for i, key := range keys {
		timestamp, signature := kie.Sign(key.Reveal(), noTask, time.Now())
		a, err := d.callback(ctx, probe, http.Header{
			"Content-Type": {"application/json"}, kie.HeaderTimestamp: {timestamp}, kie.HeaderSignature: {signature},
		}, probeBody)
		switch {
		case err != nil:
			r.fail(fmt.Sprintf("the bridge did not answer: %v", err), "look at the bridge's log, and run the check "+
				"again")
			return
		case a.status == http.StatusBadRequest:
		case a.isUnauthorized():
			which := "KIE_WEBHOOK_HMAC_KEY"
			if len(keys) > 1 {
				which = fmt.Sprintf("key %d of %d of KIE_WEBHOOK_HMAC_KEY", i+1, len(keys))
			}
			r.fail("the bridge refuses a callback that is signed with "+which+": it has another webhook key, it was "+
				"not "+
				"passed the headers X-Webhook-Timestamp and X-Webhook-Signature, or its clock is wrong",
				"give the bridge the webhook key of https://kie.ai/settings, let no proxy drop the headers, and see "+
					"the check clock")
			return
		default:
			r.fail(fmt.Sprintf("a signed callback gets HTTP %d in place of the bridge's answer", a.status),
				"look at what is between this machine and the bridge: it may change requests, or refuse some")
			return
		}
	}
	r.ok("the bridge demands the provider's signature, and its key is the one here")
}
