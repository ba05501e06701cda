package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"stemflow/internal/archive"
	"stemflow/internal/config"
)

// bucket is one that the workers write to: to archive stems, to keep ledgers, or both.
type bucket struct {
	name, prefix string
	// scratch is the one object that is written here, and etag what it was when it was written;
	// empty: it was not. It has a fixed key where it cannot be removed, so that there is never more
	// than one.
	scratch, etag string
	removable     bool
}

// scratchFolder is where the scratch object is: no music task's id begins with an underscore.
const scratchFolder = "_doctor/"

// note is what the scratch object says.
var note = map[string]string{
	"writtenBy": "stemflow doctor",
	"purpose":   "to see what the store's user may do; it may be deleted at any time",
}

// cleanUpLimit bounds the removal of a scratch object, whatever has become of the check.
const cleanUpLimit = 10 * time.Second

func (d *doctor) storeChecks() []check {
	written := []string{"store-write"}
	return []check{
		{name: "store", limit: several, run: d.checkStore},
		{name: "bucket", needs: []string{"store"}, limit: several, run: d.checkBuckets},
		{name: "store-write", needs: []string{"bucket"}, limit: several, run: d.checkWrite},
		{name: "store-conditions", needs: written, limit: several, run: d.checkConditions},
		{name: "store-links", needs: written, limit: several, run: d.checkLinks},
		// The object is removed in any case.
		{
			name: "store-delete", after: []string{"store-write", "store-conditions", "store-links"},
			cleansUp: "store-write", limit: several, run: d.checkDelete,
		},
		{name: "ledger", needs: []string{"bucket"}, limit: several, run: d.checkLedger},
	}
}

// places are where the workers write: stems, and ledgers.
func (d *doctor) places() []*bucket {
	s := d.Survey.Starter
	buckets := []*bucket{{name: s.Bucket, prefix: s.Prefix}}
	if s.LedgerBucket != s.Bucket || strings.Trim(s.LedgerPrefix, "/") != strings.Trim(s.Prefix, "/") {
		buckets = append(buckets, &bucket{name: s.LedgerBucket, prefix: s.LedgerPrefix})
	}
	return buckets
}

// under is a key below the bucket's prefix.
func (b *bucket) under(key string) string {
	if prefix := strings.Trim(b.prefix, "/"); prefix != "" {
		return prefix + "/" + key
	}
	return key
}

func (d *doctor) checkStore(ctx context.Context, r *Result) {
	settings := d.Survey.MinIO
	if settings.Endpoint == "" || settings.AccessKey == "" || settings.SecretKey.Reveal() == "" {
		r.skip("MINIO_ENDPOINT, MINIO_ACCESS_KEY and MINIO_SECRET_KEY are not all set here, or not right")
		return
	}
	store, err := archive.New(archive.OptionsOf(settings))
	if err != nil {
		r.fail(err.Error(), "correct MINIO_ENDPOINT")
		return
	}
	store.Hide(d.Secrets)
	d.store = store
	d.seeStoreClock(ctx)
	d.buckets = d.places()
	_, err = store.List(ctx, d.buckets[0].name, d.buckets[0].under(scratchFolder))
	if refused, ok := errors.AsType[*archive.Error](err); ok && !answersOf(refused) {
		problem, remedy := explain(refused)
		r.fail(problem, remedy)
		return
	}
	r.ok("%s accepts the key", settings.Endpoint)
	if refused, ok := errors.AsType[*archive.Error](err); ok && refused.Code == "RequestTimeTooSkewed" {
		problem, remedy := explain(refused)
		r.fail(problem, remedy)
	}
}

// answersOf reports whether a store's refusal shows that it is a store and knows the key.
func answersOf(err *archive.Error) bool {
	return errors.Is(err, archive.ErrNoBucket) || err.Code == "AccessDenied" || err.Code == "RequestTimeTooSkewed"
}

// explain takes an error of the store apart.
func explain(err error) (problem, remedy string) {
	refused, ok := errors.AsType[*archive.Error](err)
	if !ok || refused.Remedy == "" {
		return err.Error(), "run the check again; if it stays so, look at the store's own log"
	}
	return strings.TrimSuffix(err.Error(), ": "+refused.Remedy), refused.Remedy
}

// seeStoreClock asks the store for its time: of nothing, as nobody. The error of a store that is
// not reached is the check's to report.
func (d *doctor) seeStoreClock(ctx context.Context) {
	settings := d.Survey.MinIO
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = tlsConfig(settings.RootCAs)
	defer transport.CloseIdleConnections()
	scheme := "http"
	if settings.Secure {
		scheme = "https"
	}
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+settings.Endpoint+"/", nil)
	if err != nil {
		return
	}
	resp, err := d.clocks.watched("object store", transport).RoundTrip(req)
	if err == nil {
		resp.Body.Close()
	}
}

func (d *doctor) checkBuckets(ctx context.Context, r *Result) {
	var names []string
	for _, b := range d.buckets {
		if slices.Contains(names, b.name) {
			continue
		}
		names = append(names, b.name)
		_, err := d.store.List(ctx, b.name, b.under(scratchFolder))
		switch {
		case err == nil:
		case errors.Is(err, archive.ErrNoBucket):
			r.fail(fmt.Sprintf("there is no bucket %q", b.name),
				fmt.Sprintf("make it (mc mb store/%s), or correct STEMFLOW_BUCKET and STEMFLOW_LEDGER_BUCKET. A "+
					"worker makes it "+
					"only if its key may s3:CreateBucket", b.name))
		default:
			problem, remedy := explain(err)
			r.fail(problem, remedy)
		}
	}
	for _, place := range d.Survey.Starter.Allowed {
		if place.Bucket == d.buckets[0].name || place.Bucket == d.buckets[len(d.buckets)-1].name {
			continue
		}
		if _, err := d.store.List(ctx, place.Bucket, scratchFolder); err != nil {
			problem, remedy := explain(err)
			r.warn("STEMFLOW_ALLOWED_BUCKETS names "+place.Bucket+": "+problem, remedy)
		}
	}
	r.ok("%s: there, and listed", strings.Join(names, ", "))
}

// checkWrite writes the scratch object, as a ledger is written.
func (d *doctor) checkWrite(ctx context.Context, r *Result) {
	for _, b := range d.buckets {
		if err := d.write(ctx, b); err != nil {
			problem, remedy := explain(err)
			r.fail(problem, remedy)
			continue
		}
		r.fact("wrote and read s3://%s/%s", b.name, b.scratch)
	}
	r.ok("the key may write and read, and the store confirms the checksum")
}

func (d *doctor) write(ctx context.Context, b *bucket) error {
	// To remove what is not there is allowed to those who may remove, and does nothing.
	b.scratch = b.under(scratchFolder + strings.ToLower(rand.Text()) + ".json")
	if b.removable = d.store.Remove(ctx, b.name, b.scratch) == nil; !b.removable {
		b.scratch = b.under(scratchFolder + "scratch.json")
	}
	var err error
	for range tries {
		if b.etag, err = d.writeOver(ctx, b); !errors.Is(err, archive.ErrPrecondition) {
			break // otherwise another doctor was quicker
		}
	}
	return err
}

// tries is how often another doctor may get in between.
const tries = 5

// writeOver writes the scratch object anew, over one that is there.
func (d *doctor) writeOver(ctx context.Context, b *bucket) (etag string, err error) {
	var found map[string]string
	old, err := d.store.ReadJSON(ctx, b.name, b.scratch, &found)
	switch {
	case err == nil:
		return d.store.ReplaceJSON(ctx, b.name, b.scratch, old, note)
	case !errors.Is(err, archive.ErrNotFound):
		return "", err
	}
	if etag, err = d.store.CreateJSON(ctx, b.name, b.scratch, note); err != nil {
		return etag, err
	}
	_, err = d.store.ReadJSON(ctx, b.name, b.scratch, &found)
	return etag, err
}

// checkConditions runs the test that a worker runs before it first pays.
func (d *doctor) checkConditions(ctx context.Context, r *Result) {
	for _, b := range d.buckets {
		err := d.store.Prove(ctx, b.name, b.scratch, b.etag, note)
		if errors.Is(err, archive.ErrPrecondition) {
			r.warn(fmt.Sprintf("s3://%s/%s was changed meanwhile, so nothing was tested", b.name, b.scratch),
				"run the check again while no other doctor runs")
			continue
		}
		if err != nil {
			problem, remedy := explain(err)
			r.fail(problem, remedy)
		}
	}
	r.ok("the store keeps to If-None-Match and If-Match, and verifies the checksums of parts")
}

// checkLinks tries what links are signed with: a link, and what its key must not be able to do.
func (d *doctor) checkLinks(ctx context.Context, r *Result) {
	settings := d.Survey.MinIO
	b := d.buckets[0]
	switch warning := settings.LinkWarning(); {
	case warning == "":
	case d.isMeant(config.ProgramWorker) && !d.isMeant(config.ProgramStarter):
		r.fact("MINIO_LINK_ACCESS_KEY is not set, which a worker does not need: it makes no links")
	default:
		problem, remedy, _ := strings.Cut(warning, "; ")
		r.warn(problem, remedy)
	}
	link, err := d.store.Presign(ctx, b.name, b.scratch, time.Minute)
	if err != nil {
		problem, remedy := explain(err)
		r.fail(problem, remedy)
		return
	}
	if problem, remedy := d.follow(ctx, link); problem != "" {
		r.fail(problem, remedy)
	}
	r.ok("a link works")
	if settings.LinkAccessKey == "" || settings.LinkAccessKey == settings.AccessKey {
		return // which is a warning, and a problem of the configuration
	}
	options := archive.OptionsOf(settings)
	options.AccessKey, options.SecretKey = options.LinkAccessKey, options.LinkSecretKey
	reader, err := archive.New(options)
	if err != nil {
		r.fail(err.Error(), "correct MINIO_ENDPOINT")
		return
	}
	defer reader.Close()
	const remedy = "give its user deploy/minio/link-policy.json and nothing else: all who are given a link learn " +
		"this key"
	// The condition does not hold, so nothing is written on a store that keeps to conditions, and
	// nothing but the same elsewhere.
	etag, err := reader.ReplaceJSON(ctx, b.name, b.scratch, strings.Repeat("0", 32), note)
	refused, answered := errors.AsType[*archive.Error](err)
	switch {
	case etag != "", errors.Is(err, archive.ErrPrecondition):
		r.fail("the key of links, MINIO_LINK_ACCESS_KEY, may write", remedy)
	case r.Status == Failed, answered && refused.Code == "AccessDenied":
	default: // a store that is gone by now, for one
		problem, remedy := explain(err)
		r.warn("whether the key of links may write was not found out: "+problem, remedy)
	}
	if _, err = reader.List(ctx, b.name, b.under(scratchFolder)); err == nil {
		r.warn("the key of links, MINIO_LINK_ACCESS_KEY, may list the bucket", remedy)
	}
	r.ok("a link works, and its key may do nothing but read")
}

// follow gets what a link leads to, as a browser does. The link is a secret, so it is in no text.
func (d *doctor) follow(ctx context.Context, link string) (problem, remedy string) {
	endpoint := d.Survey.MinIO.PublicEndpoint
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return "a link to " + endpoint + " cannot be made", "correct MINIO_PUBLIC_ENDPOINT"
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = tlsConfig(d.Survey.MinIO.RootCAs)
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Sprintf("a link to %s does not work: %v", endpoint, withoutURL(err)),
			"check MINIO_PUBLIC_ENDPOINT, which links lead to. If this machine alone cannot reach it, all is well"
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if resp.StatusCode == http.StatusOK && strings.Contains(string(body), note["writtenBy"]) {
		return "", ""
	}
	remedy = "check MINIO_LINK_ACCESS_KEY and MINIO_LINK_SECRET_KEY, and that their user may read the bucket " +
		"(deploy/minio/link-policy.json)"
	if strings.Contains(string(body), "SignatureDoesNotMatch") {
		remedy = "check MINIO_LINK_SECRET_KEY, and that what is at MINIO_PUBLIC_ENDPOINT passes the Host header on"
	}
	return fmt.Sprintf("a link to %s does not work: HTTP %d%s", endpoint, resp.StatusCode, codeIn(string(body))), remedy
}

// codeIn is the code in a store's error document.
func codeIn(body string) string {
	_, after, found := strings.Cut(body, "<Code>")
	code, _, closed := strings.Cut(after, "</Code>")
	if !found || !closed || len(code) > 64 {
		return ""
	}
	return " " + code
}

// checkDelete removes the scratch objects. Workers need no right to, and are better without it.
func (d *doctor) checkDelete(ctx context.Context, r *Result) {
	cleanUp, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancel()
	removed, left := 0, 0
	for _, b := range d.buckets {
		switch {
		case b.scratch == "" || !b.removable && b.etag == "":
		case !b.removable:
			left++
			r.fact("s3://%s/%s stays, and is used again next time", b.name, b.scratch)
		default:
			if err := d.store.Remove(cleanUp, b.name, b.scratch); err != nil {
				problem, remedy := explain(err)
				r.warn(problem, remedy)
				continue
			}
			if b.etag != "" {
				removed++
			}
		}
	}
	switch {
	case removed > 0:
		r.ok("the key may delete, and what was written is removed")
	case left > 0:
		r.ok("the key may not delete, as it should be for a worker")
	default:
		r.skip("nothing was written")
	}
}

// checkLedger looks whether the ledgers are where they are looked for.
func (d *doctor) checkLedger(ctx context.Context, r *Result) {
	s := d.Survey.Starter
	stems, ledgers := bucket{name: s.Bucket, prefix: s.Prefix}, bucket{name: s.LedgerBucket, prefix: s.LedgerPrefix}
	archived, err := d.has(ctx, stems, "/manifest.json")
	if err == nil && archived {
		var found bool
		if found, err = d.has(ctx, ledgers, "/submission.json"); err == nil && !found {
			r.fail(fmt.Sprintf("tracks are archived in s3://%s, and no ledger is in "+
				"s3://%s", stems.name+"/"+stems.prefix,
				ledgers.name+"/"+ledgers.prefix), "set STEMFLOW_LEDGER_BUCKET and STEMFLOW_LEDGER_PREFIX to where the "+
				"ledgers are: without them a track that is paid for is paid for again")
		}
	}
	if err != nil {
		problem, remedy := explain(err)
		r.warn(problem, remedy)
	}
	r.ok("in s3://%s", strings.TrimSuffix(ledgers.name+"/"+ledgers.prefix, "/"))
}

// mostLooked bounds how many objects are looked at for one of a kind.
const mostLooked = 20_000

func (d *doctor) has(ctx context.Context, b bucket, suffix string) (bool, error) {
	looked := 0
	for info, err := range d.store.Walk(ctx, b.name, b.under(""), "") {
		if err != nil {
			return false, err
		}
		if strings.HasSuffix(info.Key, suffix) {
			return true, nil
		}
		if looked++; looked == mostLooked {
			return true, nil // not known, and no reason to worry
		}
	}
	return false, nil
}
