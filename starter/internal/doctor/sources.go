package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"stemflow/internal/config"
	"stemflow/internal/source"
)

func (d *doctor) sourceChecks() []check {
	return []check{
		{name: "proxy", limit: request, run: d.checkProxy},
		{name: "file-hosts", limit: several, run: d.checkFileHosts},
	}
}

// noFile is the path of a file that no file host has.
const noFile = "/s/stemflow-doctor"

// fileHosts are addresses at the hosts that stems come from: those of the provider's that its
// documents show, or the simulator.
func (d *doctor) fileHosts() []string {
	if !d.isReal() {
		return []string{strings.TrimSuffix(d.Survey.Worker.KIE.BaseURL, "/") + noFile}
	}
	return []string{"https://file.aiquickdraw.com" + noFile, "https://tempfile.aiquickdraw.com" + noFile}
}

// checkProxy says what goes through the egress proxy, and whether it is there.
func (d *doctor) checkProxy(ctx context.Context, r *Result) {
	if d.proxy == nil {
		r.skip("HTTPS_PROXY and HTTP_PROXY are not set: the provider and its file hosts are reached straight")
		return
	}
	asked := map[string]bool{}
	for _, to := range append([]string{d.Survey.Worker.KIE.BaseURL}, d.fileHosts()...) {
		u, err := url.Parse(to)
		if err != nil {
			continue
		}
		proxy := d.proxy.For(u)
		if proxy == nil {
			r.fact("%s is reached straight", u.Hostname())
			continue
		}
		r.fact("%s is reached through the proxy %s", u.Hostname(), proxy.Host)
		if asked[proxy.Host] {
			continue
		}
		asked[proxy.Host] = true
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", proxyAddress(proxy))
		if err != nil {
			r.fail(fmt.Sprintf("the egress proxy %s is not reached: %v", proxy.Host, err),
				"correct HTTPS_PROXY and HTTP_PROXY, or name in NO_PROXY what is reached without them")
			continue
		}
		conn.Close()
	}
	r.ok("configured")
}

// proxyAddress is "host:port" of a proxy, whose scheme has a default for the port.
func proxyAddress(proxy *url.URL) string {
	if proxy.Port() != "" {
		return proxy.Host
	}
	port := map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	if port == "" {
		port = "1080"
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}

// checkFileHosts asks the file hosts for a file that is not there, as a worker would fetch a stem.
func (d *doctor) checkFileHosts(ctx context.Context, r *Result) {
	if !d.isMeant(config.ProgramWorker) {
		r.skip("this is not a worker's environment, and workers fetch the stems")
		return
	}
	w := d.Survey.Worker
	fetcher := source.New(source.Options{
		AllowedHosts: w.SourceHosts, AllowInsecure: w.AllowInsecureSources, AllowedNetworks: w.SourceNetworks,
		Proxy: d.proxy, Redactor: d.Secrets, StallTimeout: quick,
	})
	defer fetcher.Close()
	if len(w.SourceNetworks) > 0 {
		r.fact("STEMFLOW_SOURCE_NETWORKS admits %s", joinNetworks(w.SourceNetworks))
	}
	for _, link := range d.fileHosts() {
		u, err := url.Parse(link)
		if err != nil {
			continue
		}
		host := u.Hostname()
		addresses := "through the proxy"
		if d.proxy.For(u) == nil {
			found, err := lookUp(ctx, host)
			if err != nil {
				r.fail(fmt.Sprintf("the file host %s is not resolved: %v", host, err),
					"look at this network's DNS: the stems come from this host")
				continue
			}
			addresses = join(found)
		}
		if problem, remedy := fetch(ctx, fetcher, link); problem != "" {
			r.fail(host+": "+problem, remedy)
			continue
		}
		r.fact("%s answers (%s)", host, addresses)
	}
	r.ok("stems can be fetched from %s", strings.Join(w.SourceHosts, ", "))
}

func joinNetworks(networks []netip.Prefix) string {
	texts := make([]string, len(networks))
	for i, n := range networks {
		texts[i] = n.String()
	}
	return strings.Join(texts, ", ")
}

// fetch asks for a file that is not there. An answer is all that is wanted.
func fetch(ctx context.Context, fetcher *source.Fetcher, link string) (problem, remedy string) {
	body, err := fetcher.Open(ctx, link)
	if err == nil {
		_ = body.Close()
		return "", ""
	}
	failed, ok := errors.AsType[*source.Error](err)
	if !ok {
		return err.Error(), "let workers reach this host: the stems come from there"
	}
	switch failed.Kind {
	case source.Forbidden:
		problem, remedy, found := strings.Cut(failed.Err.Error(), ": ")
		if !found {
			remedy = "correct STEMFLOW_SOURCE_HOSTS and STEMFLOW_ALLOW_INSECURE_SOURCES"
		}
		return problem, remedy
	case source.Blocked:
		return failed.Err.Error(), "have this machine's address let in, or let the egress proxy let the host through"
	case source.Unavailable, source.Stalled:
		if failed.Status == 0 || failed.Status == http.StatusBadGateway {
			return failed.Err.Error(), "let workers reach this host, through the firewall or HTTPS_PROXY: the stems " +
				"come from there"
		}
	}
	return "", "" // it answers, and has no such file
}
