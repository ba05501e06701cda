package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"stemflow"
	"stemflow/internal/config"
	"stemflow/internal/kie"
)

// provider is what is known of the provider's account.
type provider struct {
	client  *kie.Client
	credits float64
}

func (d *doctor) providerChecks() []check {
	key := []string{"provider-key"}
	return []check{
		{name: "provider-key", limit: request, run: d.checkKey},
		{name: "provider-balance", needs: key, limit: quick, run: d.checkBalance},
		{name: "provider-route", needs: key, limit: request, run: d.checkRoute},
	}
}

// isReal reports whether the provider bills somebody.
func (d *doctor) isReal() bool { return config.IsRealProvider(d.Survey.Worker.KIE.BaseURL) }

// hasProvider reports whether the environment leads to a provider at all: its address has a
// default, and a simulator may do without a key.
func (d *doctor) hasProvider() bool {
	return d.Survey.Worker.KIE.APIKey.Reveal() != "" || !d.isReal() && d.isMeant(config.ProgramWorker)
}

func (d *doctor) checkKey(ctx context.Context, r *Result) {
	settings := d.Survey.Worker.KIE
	if !d.hasProvider() {
		r.skip("KIE_API_KEY is not set here")
		return
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	d.proxy.Apply(transport)
	client, err := kie.New(kie.Options{
		BaseURL: settings.BaseURL, APIKey: settings.APIKey.Reveal(), Route: settings.Route,
		Transport: d.clocks.watched("provider", transport), Redactor: d.Secrets, Timeout: request,
	})
	if err != nil {
		r.fail(err.Error(), "correct KIE_API_KEY and KIE_BASE_URL")
		return
	}
	credits, err := client.Credits(ctx)
	switch verdict := kie.VerdictOf(err); {
	case err == nil:
	case verdict == kie.InsufficientCredits:
		credits = 0
	case verdict == kie.Unauthorized:
		r.fail(err.Error(), "set KIE_API_KEY to a key of https://kie.ai/api-key, and allow this machine's address "+
			"if the key "+
			"is limited to addresses")
		return
	case isBusy(err):
		r.warn(err.Error(), "run the check again in a minute")
		return
	default:
		r.fail(settings.BaseURL+": "+err.Error(), unreachableProvider(err))
		return
	}
	d.provider = provider{client, credits}
	r.ok("%s accepts the key", settings.BaseURL)
}

// isBusy reports whether the provider answered that it does not want to now.
func isBusy(err error) bool {
	e, ok := errors.AsType[*kie.Error](err)
	return ok && e.Verdict == kie.Busy && e.HTTPStatus != 0
}

// unreachableProvider says what to do about a provider that gives no usable answer.
func unreachableProvider(err error) string {
	e, ok := errors.AsType[*kie.Error](err)
	switch {
	case ok && e.HTTPStatus == http.StatusForbidden:
		return "have the provider, or what is in front of it, let this machine's address in"
	case ok && e.HTTPStatus != 0 && e.HTTPStatus < http.StatusInternalServerError:
		return "check KIE_BASE_URL: what answers there is not the provider's API. The provider's own is " +
			config.DefaultKIEBaseURL
	default:
		return "check KIE_BASE_URL, the firewall, and HTTPS_PROXY where only a proxy reaches the Internet"
	}
}

func (d *doctor) checkBalance(_ context.Context, r *Result) {
	if d.provider.client == nil {
		r.skip("provider-key has no answer")
		return
	}
	credits := d.provider.credits
	r.ok("%s credits", creditText(credits))
	topUp := "top the account up at https://kie.ai/pricing"
	cheapest := stemflow.Price(stemflow.SeparateVocal)
	switch {
	case credits < float64(cheapest):
		r.fail(fmt.Sprintf("%s credits are left, and the cheapest separation (%s) costs %d",
			creditText(credits), stemflow.SeparateVocal, cheapest), topUp)
	case credits < float64(stemflow.Price(stemflow.SplitStem)):
		r.warn(fmt.Sprintf("%s credits are left, and a %s costs %d",
			creditText(credits), stemflow.SplitStem, stemflow.Price(stemflow.SplitStem)), topUp)
	}
}

func creditText(credits float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", credits), "0"), ".")
}

// noTask has the form of a task's id and is that of none.
const noTask = "00000000000000000000000000000000"

// checkRoute asks for the record of a task that does not exist, which costs nothing.
func (d *doctor) checkRoute(ctx context.Context, r *Result) {
	route := d.Survey.Worker.KIE.Route
	name := "dedicated"
	if route != kie.RouteDedicated {
		name = string(route)
	}
	if d.provider.client == nil {
		r.skip("provider-key has no answer")
		return
	}
	_, err := d.provider.client.Record(ctx, noTask)
	switch {
	case err == nil || errors.Is(err, kie.ErrNoRecord) || errors.Is(err, kie.ErrOtherTask):
		r.ok("the endpoints of the route %q answer", name)
	case isBusy(err):
		r.warn(err.Error(), "run the check again in a minute")
	default:
		r.fail(err.Error(), "check KIE_BASE_URL and KIE_ROUTE: records are read from there, and stems are only "+
			"found by them")
	}
}
