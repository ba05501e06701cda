package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// Every timeout and every retry of the workflows stands in this file, with its reason.

const (
	// A short request to the object store or the provider. The activities' own HTTP time-outs (30
	// s) end before it does.
	requestTimeout = 45 * time.Second
	// What may take longer than a short request sends heartbeats, so that a lost worker, or a task
	// that was handed out and reached none, is noticed within this.
	longHeartbeat = 30 * time.Second

	// What is tried within a workflow task must fit in one, which has 10 s.
	localTimeout = 5 * time.Second

	// The store is asked before paying: a restart of it, about a minute, is sat out, and then the
	// run fails, since nothing is lost yet. Attempts are counted and not time, for on a busy queue
	// the first one may wait for long.
	prepareAttempts = 7

	// One submit: its turn among those of all workers (seconds, an attempt that gets none within a
	// minute is over), the intent (at most 15 s), the call (30 s) and the completion of the ledger
	// (15 s). Only a lost worker takes longer.
	submitTimeout = 135 * time.Second
	// A submit waits for its turn in the rate-limited queue, for as long as there are others before
	// it; now and then it asks whether that is still the queue to wait in.
	submitTurn = time.Hour
	// How long a submit that the provider surely refuses (rate limit, maintenance, not reachable)
	// is tried again, from the first refusal on.
	retryForRefused = time.Hour
	// The provider's rate limit counts in windows of 10 s, and a refused call is worth another only
	// after a full one.
	submitPauseFirst = 10 * time.Second
	submitPauseMost  = 2 * time.Minute
	// The provider has been seen to say of a track that it does not exist, and to take the same
	// submit minutes later.
	retryForNotYet = 10 * time.Minute
	// Another run holds the intent: its call is over within submitTimeout, so the ledger is looked
	// at again soon.
	heldPause = 5 * time.Second

	// What a track is called is asked for a few times, and given up.
	musicAttempts = 3
	musicTimeout  = 5 * time.Minute

	// After a callback the record is expected within seconds. Where it lags longer polling goes on;
	// where it cannot be read for that long, or has no links, the callback's own links serve.
	confirmAttempts = 5

	// Links may follow a record that is done. One that lacks some or all is believed at the fifth
	// look, and not before this time is over: what is believed then may be paid for again. It is
	// looked at more often than others, so that a long poll interval does not make a song that has
	// not all instruments wait for hours.
	emptyLooks = 5
	emptyFor   = 2 * time.Minute
	emptyPause = 30 * time.Second
	// Where it lacks only what the type may yield, most songs have no more: few have all
	// instruments. It is believed sooner.
	possibleFor   = 40 * time.Second
	possiblePause = 10 * time.Second
	// A separation that has been done for this long does not get more links while a run looks.
	linksFollow = time.Hour

	// A track that is archived and lacks stems is returned as it is where the provider does not
	// answer soon.
	scheduleToCloseRest = 2 * time.Minute

	// So many callbacks make a run look at the record, each of them for what no earlier one has
	// said. A genuine separation has one callback, and its repeats. All others are read and
	// ignored: a look costs a dozen events, and the history ends a run that has too many of them.
	callbackLooks = 20
	// A run whose submit is unknown depends on a callback. Made-up ones must not deafen it: beyond
	// that number it looks once in this time. Temporal takes ten thousand signals of a run.
	callbackPause = 10 * time.Minute
	// No link of the provider is longer, and no name of a stem. What a callback says beyond that is
	// not kept.
	maxLinkBytes = 4 << 10
	maxNameBytes = 64

	// The provider keeps results for 14 days. One that was paid for before and of which it has no
	// record is gone, and no wait brings it back.
	providerKeeps = time.Duration(stemflow.MaxDeadline)
	// A record follows the paid call within seconds, minutes at worst. One that is absent an hour
	// after the payment is not late, and after these many minutes more it is no hiccup of the
	// provider either.
	recordFollows = time.Hour
	absentFor     = 10 * time.Minute

	// A stem has hours to be archived: the store may be down for that long, and the links last for
	// days. One attempt may wait for its turn on a busy worker and then move a gigabyte over a slow
	// line; a lost worker is noticed by the heartbeat.
	scheduleToCloseArchive = 12 * time.Hour
	archiveTimeout         = time.Hour
	// An expired link is renewed; one that does not work after this many renewals never will.
	maxRenewals = 3
	// The provider's record is asked for a new link about as long as its outages last.
	scheduleToCloseRenew = 30 * time.Minute

	// A song is read twice and handed over once, see kie.Upload.
	songTimeout = 10 * time.Minute
	// The provider keeps what is handed over for three days, and fetches it soon after the submit.
	songKept = 48 * time.Hour

	// A run that finds another one making the same MIDI, or WAV, looks again after this pause.
	midiJoinPause = 15 * time.Second

	// The ledger is written when the store is back, as the stems are; a run that failed waits for
	// it only this long, one that was cancelled must end promptly.
	ledgerFinish = time.Minute
	// A run whose intent may still stand waits longer for the store: an intent locks the track
	// until it is completed or taken back. And of a run whose submits ended unpaid only the ledger
	// knows whether an execution that was lost has paid.
	ledgerClose = 30 * time.Minute
	// Where the store was away before the first call there is hardly any doubt, and a person waits
	// to hear of the outage.
	ledgerCloseAway       = 2 * time.Minute
	ledgerFinishCancelled = 10 * time.Second

	// The provider repeats a callback after 1, 5 and 15 minutes, and a record follows its callback
	// within minutes: for so long callbacks for a run that is over are collected before it is said
	// that none of them was its own. Without a webhook key anybody who has seen a token can make
	// them up, so it also bounds how often the record is asked for: so many separations of one run
	// each time. A run submits one of them.
	lateCallbackWindow = 10 * time.Minute
	lateCallbackIDs    = 20
	// A run that is open and hears of other runs' separations looks at this many of them before it
	// ends. A run that has failed waits for them as for its own ledger: its track may depend on one
	// of them. If it knows no separation of its own one of them may be that, and its id be known
	// nowhere else. One that has archived the track needs none, and one that was cancelled must end
	// promptly.
	foreignIDs           = 5
	foreignFinishUnknown = ledgerClose
	foreignFinishFailed  = time.Minute
	foreignFinish        = 10 * time.Second

	// A list of a million tracks takes a minute or two to be checked and kept; a lost worker is
	// noticed by the heartbeat.
	prepareCatalogTimeout = 30 * time.Minute
	// A page of a catalogue is some hundreds of short requests to the store, a batch of outcomes a
	// few.
	catalogPageTimeout = 5 * time.Minute
	// Nothing is lost while the store is away: a catalogue waits for it before it starts more
	// tracks, however long that takes.
	noTimeout = 0
	// The balance is asked for about as long as the provider's restarts take. Then the catalogue
	// pauses, which costs nothing either.
	scheduleToCloseBalance = 10 * time.Minute
	// A run that is awaited by looking at it is looked at often at first, for it may be about to
	// end.
	awaitPauseFirst = 2 * time.Second
	awaitPauseMost  = 30 * time.Second
	joinedPauseMost = 10 * time.Second
	// The report has as long as the stems; a catalogue that is cancelled ends without it when the
	// store is away.
	reportTimeout                  = 30 * time.Minute
	scheduleToCloseReportCancelled = 5 * time.Minute
	// So many tracks in a row that fail for the provider, the store or the configuration are no
	// accident. A window of them may be under way.
	outagesToPause = 10
	// A failure that cost credits weighs more. Bad tracks are rare, so a few paid ones that fail in
	// a row are most likely the provider's doing, and a person should look before more is spent. A
	// pause for nothing costs one resume.
	paidFailuresToPause = 3
	// Until a track has succeeded only this many that may cost credits are under way, as many as
	// make the catalogue pause, so that a provider that fails every task costs no more than they
	// do. Each success doubles the number: a healthy catalogue of the default window is wide open
	// after six.
	firstPaidWindow = paidFailuresToPause
	// A joined run that is cancelled from outside is replaced by an own one. Two catalogues, or a
	// person who cancels again and again, must not keep each other busy for ever.
	maxRestarts = 3
	// A caller that has left is told within this time that the run goes on. A run that is cancelled
	// with its last caller has as long to end and say what it has paid for. Only one that is stuck,
	// that waits for the store, or of a release that does not answer, keeps the caller so long.
	goesOnTimeout = time.Minute
	// A catalogue continues as new well below what Temporal takes (51,200 events, 50 MB), where a
	// worker still replays it in a moment. What is under way then adds some events for each track
	// of the window.
	longHistoryEvents = 4_000
	longHistoryBytes  = 2 << 20

	// A receiver may be down for a day: a person has to come to work and start it again. At first
	// it is tried again soon, for a restart, and in the end once an hour.
	scheduleToCloseHook = 24 * time.Hour
	hookPauseFirst      = 5 * time.Second
	hookPauseMost       = time.Hour

	// A page of a check ends after two minutes, but a stem that is read back at a bounded rate is
	// read to its end. A lost worker is noticed by the heartbeat, and nothing is lost while the
	// store is away but time.
	verifyTimeout         = 24 * time.Hour
	scheduleToCloseVerify = 36 * time.Hour
	// A repair leaves room for the runs of others.
	repairsAtOnce = 8
	// A track on which other runs are at work again and again is left to them.
	repairTries = 3
)

// shouldContinueAsNew reports whether the history is long enough.
func shouldContinueAsNew(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > longHistoryEvents ||
		info.GetCurrentHistorySize() > longHistoryBytes
}

// storeRetry waits for the object store: quick at first, for a restart, then once a minute, for an
// outage.
func storeRetry() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute}
}

// localOptions: a single attempt. What does not do at once is an ordinary activity's.
func localOptions(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		Summary:                summary,
		ScheduleToCloseTimeout: localTimeout,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

func prepareOptions(ctx workflow.Context) workflow.Context {
	retry := storeRetry()
	retry.MaximumAttempts = prepareAttempts
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:             "prepare the archive",
		StartToCloseTimeout: requestTimeout,
		RetryPolicy:         retry,
	})
}

// songOptions: a song of 20 MB is read, and handed over at 70 kB a second. Nothing is paid for yet,
// so an outage is waited for only as long as one of the provider lasts.
func songOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "make the song ready for the provider",
		StartToCloseTimeout:    songTimeout,
		ScheduleToCloseTimeout: scheduleToCloseRenew,
		HeartbeatTimeout:       longHeartbeat,
		RetryPolicy:            storeRetry(),
	})
}

// musicOptions: a run takes minutes and does not wait for it.
func musicOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "look up what the track is called",
		StartToCloseTimeout:    requestTimeout,
		ScheduleToCloseTimeout: musicTimeout,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumAttempts: musicAttempts,
		},
	})
}

// submitOptions: a single attempt, because the engine would repeat a lost one blindly; and a
// cancellation waits for a call under way, whose id is worth money, while it drops one that has not
// started.
func submitOptions(ctx workflow.Context, task *activityapi.Task, queue string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "submit the " + task.Name + " (paid)",
		TaskQueue:              queue,
		ScheduleToStartTimeout: submitTurn,
		StartToCloseTimeout:    submitTimeout,
		WaitForCancellation:    true,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// submitPause is the pause after the n-th refused submit.
func submitPause(n int) time.Duration {
	pause := submitPauseFirst
	for ; n > 1 && pause < submitPauseMost; n-- {
		pause *= 2
	}
	return min(pause, submitPauseMost)
}

func ledgerOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "complete the ledger",
		StartToCloseTimeout:    requestTimeout,
		ScheduleToCloseTimeout: scheduleToCloseArchive,
		RetryPolicy:            storeRetry(),
	})
}

// adoptOptions: the store or the provider may be away for as long as a stem may wait for them. A
// record that does not exist is given up sooner, by the activity.
func adoptOptions(ctx workflow.Context, scheduleToClose time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "record a callback for a run that is over",
		StartToCloseTimeout:    requestTimeout,
		ScheduleToCloseTimeout: scheduleToClose,
		RetryPolicy:            storeRetry(),
	})
}

func confirmOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:             "confirm with the provider's record",
		StartToCloseTimeout: requestTimeout,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumAttempts: confirmAttempts,
		},
	})
}

// restOptions: the same look for a track that is archived already, which does not wait for an
// outage to end.
func restOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "look for the stems that are missing",
		StartToCloseTimeout:    requestTimeout,
		ScheduleToCloseTimeout: scheduleToCloseRest,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumAttempts: confirmAttempts,
		},
	})
}

// askOptions: one attempt, for a caller who waits for the answer and may ask again.
func askOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "ask for the provider's record now",
		ScheduleToCloseTimeout: requestTimeout,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// pollOptions: each poll is a retry of one activity, so that the history does not grow with their
// number and no worker is occupied between two of them.
func pollOptions(ctx workflow.Context, interval stemflow.Duration, until time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "poll the provider's record every " + interval.String(),
		StartToCloseTimeout:    requestTimeout,
		ScheduleToCloseTimeout: until,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Duration(interval), BackoffCoefficient: 1},
	})
}

// archiveOptions: the activity itself counts the attempts that a source gets, and asks for a longer
// pause where it wants to see whether a file that is too short still grows.
func archiveOptions(ctx workflow.Context, stem string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "archive " + stem,
		StartToCloseTimeout:    archiveTimeout,
		ScheduleToCloseTimeout: scheduleToCloseArchive,
		HeartbeatTimeout:       longHeartbeat,
		RetryPolicy:            storeRetry(),
	})
}

func prepareMIDIOptions(ctx workflow.Context) workflow.Context {
	ctx = prepareOptions(ctx)
	options := workflow.GetActivityOptions(ctx)
	options.Summary = "look for the archived separation"
	return workflow.WithActivityOptions(ctx, options)
}

// submitMIDIOptions: the activity itself says what is not worth another try. A separation may wait
// for its MIDI, so a provider that takes none is waited for no longer than one that makes none.
func submitMIDIOptions(ctx workflow.Context, queue string, deadline stemflow.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "ask for MIDI (free)",
		TaskQueue:              queue,
		StartToCloseTimeout:    submitTimeout,
		ScheduleToCloseTimeout: time.Duration(deadline),
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: submitPauseFirst, BackoffCoefficient: 2, MaximumInterval: submitPauseMost,
		},
	})
}

func archiveMIDIOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "archive the MIDI",
		StartToCloseTimeout:    songTimeout,
		ScheduleToCloseTimeout: scheduleToCloseArchive,
		HeartbeatTimeout:       longHeartbeat,
		RetryPolicy:            storeRetry(),
	})
}

// midiOptions: MIDI that has begun is finished whatever becomes of its separation's run. A run that
// is cancelled waits for its end.
func midiOptions(ctx workflow.Context, in stemflow.GenerateMIDIInput) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		StaticSummary:         "the MIDI of " + in.AudioID,
		WorkflowID:            stemflow.MIDIWorkflowID(in),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WaitForCancellation:   true,
	})
}

func renewOptions(ctx workflow.Context, stem string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "renew the link of " + stem,
		StartToCloseTimeout:    requestTimeout,
		ScheduleToCloseTimeout: scheduleToCloseRenew,
		RetryPolicy:            storeRetry(),
	})
}

func manifestOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "write the manifest",
		StartToCloseTimeout:    requestTimeout,
		ScheduleToCloseTimeout: scheduleToCloseArchive,
		RetryPolicy:            storeRetry(),
	})
}

func prepareCatalogOptions(ctx workflow.Context) workflow.Context {
	retry := storeRetry()
	retry.MaximumAttempts = prepareAttempts
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:             "check the tracks",
		StartToCloseTimeout: prepareCatalogTimeout,
		HeartbeatTimeout:    longHeartbeat,
		RetryPolicy:         retry,
	})
}

func readCatalogOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:             "read the next tracks",
		StartToCloseTimeout: catalogPageTimeout,
		HeartbeatTimeout:    longHeartbeat,
		RetryPolicy:         storeRetry(),
	})
}

func balanceOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "look at the account's balance",
		StartToCloseTimeout:    requestTimeout,
		ScheduleToCloseTimeout: scheduleToCloseBalance,
		RetryPolicy:            storeRetry(),
	})
}

// trackOptions: a child of a catalogue outlives the run that started it, which continues as new, or
// is terminated while the track is paid for.
func trackOptions(ctx workflow.Context, in stemflow.SeparateStemsInput) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		StaticSummary:         trackSummary("", in),
		WorkflowID:            stemflow.WorkflowID(in),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		// the archive decides whether anything is paid
		ParentClosePolicy:   enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WaitForCancellation: true,
	})
}

// sharedOptions: the child of a Nexus caller is not its alone, and outlives it.
func sharedOptions(ctx workflow.Context, workflowID, summary string) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		StaticSummary:         summary,
		WorkflowID:            workflowID,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
	})
}

// awaitOptions: each look is a retry of one activity, so that no worker is occupied between two of
// them.
func awaitOptions(ctx workflow.Context, in stemflow.SeparateStemsInput) workflow.Context {
	return awaiting(ctx, trackSummary("await ", in), awaitPauseMost)
}

// joinedOptions: a caller is one, and waits for this run alone, so it is looked at more often.
func joinedOptions(ctx workflow.Context) workflow.Context {
	return awaiting(ctx, "await the run that was joined", joinedPauseMost)
}

func awaiting(ctx workflow.Context, summary string, pauseMost time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:             summary,
		StartToCloseTimeout: requestTimeout,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    awaitPauseFirst,
			BackoffCoefficient: 1.5,
			MaximumInterval:    pauseMost,
		},
	})
}

func outcomesOptions(ctx workflow.Context, scheduleToClose time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "record outcomes",
		StartToCloseTimeout:    catalogPageTimeout,
		ScheduleToCloseTimeout: scheduleToClose,
		HeartbeatTimeout:       longHeartbeat,
		RetryPolicy:            storeRetry(),
	})
}

func reportOptions(ctx workflow.Context, scheduleToClose time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "write the report",
		StartToCloseTimeout:    reportTimeout,
		ScheduleToCloseTimeout: scheduleToClose,
		HeartbeatTimeout:       longHeartbeat,
		RetryPolicy:            storeRetry(),
	})
}

func verifyOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "check the next tracks",
		StartToCloseTimeout:    verifyTimeout,
		ScheduleToCloseTimeout: scheduleToCloseVerify,
		HeartbeatTimeout:       longHeartbeat,
		RetryPolicy:            storeRetry(),
	})
}

// deliveryOptions: a delivery outlives the run that it tells of, whose result does not wait for
// receivers. What was delivered once is not delivered again by a run that was reset.
func deliveryOptions(ctx workflow.Context, event stemflow.Event) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		StaticSummary:         string(event.Type),
		WorkflowID:            activityapi.DeliveryWorkflowID(event.ID),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
	})
}

func hookOptions(ctx workflow.Context, hook string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                "tell the " + hook,
		StartToCloseTimeout:    requestTimeout,
		ScheduleToCloseTimeout: scheduleToCloseHook,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    hookPauseFirst,
			BackoffCoefficient: 3,
			MaximumInterval:    hookPauseMost,
		},
	})
}
