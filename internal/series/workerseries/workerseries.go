// Package workerseries lists the metrics of stemflow's worker.
package workerseries

import (
	"slices"

	"stemflow"
	"stemflow/activities"
	"stemflow/internal/activityapi"
	"stemflow/internal/kie"
	"stemflow/internal/series"
	"stemflow/workflows"
)

// Place is where a worker works: Temporal's SDK labels what it reports with it.
type Place struct{ Namespace, TaskQueue, SubmitTaskQueue string }

// none is the SDK's value of a label that does not apply.
const none = "none"

func (p Place) sdk(taskQueue, workflowType, activityType string) map[string]string {
	return map[string]string{
		"namespace": p.Namespace, "task_queue": taskQueue, "workflow_type": workflowType,
		"activity_type": activityType, "client_name": "temporal_go", "worker_type": none,
	}
}

// All lists the metrics of a worker at a place.
func All(p Place) []series.Metric {
	types, paid := stemflow.SeparationTypes(), stemflow.PaidTypes()
	separation := p.sdk(p.TaskQueue, stemflow.WorkflowSeparateStems, none)
	submit := p.sdk(p.SubmitTaskQueue, stemflow.WorkflowSeparateStems, activityapi.ActivitySubmitSeparation)
	stem := p.sdk(p.TaskQueue, stemflow.WorkflowSeparateStems, activityapi.ActivityArchiveStem)
	settled := series.Cross("type", paid, "settled_by", []stemflow.SettledBy{
		stemflow.SettledByCallback, stemflow.SettledByPoll, stemflow.SettledByResume, stemflow.SettledByArchive,
	})
	return []series.Metric{
		{
			Name: workflows.MetricSeparations, Kind: series.Counter, SDK: separation,
			Help:   "Runs of separations that have ended, by type and outcome.",
			Labels: []string{"type", "outcome"},
			Start: series.Cross("type", append(slices.Clone(paid), workflows.TypeInvalid),
				"outcome", slices.Concat(workflows.Outcomes(), errorTypes())),
		},
		{
			Name: workflows.MetricSettled, Kind: series.Counter, SDK: separation,
			Help:   "Separations that the provider has finished, by how the run learned it.",
			Labels: []string{"type", "settled_by"}, Start: settled,
		},
		{
			Name: workflows.MetricSettleLatency, Kind: series.Histogram, SDK: separation,
			Help:   "Seconds from the provider's answer to the submit until the run knew the end.",
			Labels: []string{"type", "settled_by"}, Start: settled,
		},
		{
			Name: workflows.MetricCatalogTracks, Kind: series.Counter,
			SDK:    p.sdk(p.TaskQueue, stemflow.WorkflowSeparateCatalog, none),
			Help:   "Tracks of catalogues that have come to an end, by status.",
			Labels: []string{"status"}, Start: series.Each("status", stemflow.TrackStatuses()),
		},
		{
			Name: workflows.MetricHookDeliveries, Kind: series.Counter,
			SDK:    p.sdk(p.TaskQueue, activityapi.WorkflowDeliverEvent, none),
			Help:   "Events that a hook has taken, or that were given up, by hook, event and outcome.",
			Labels: []string{"hook", "event", "outcome"}, Start: deliveries(),
		},
		{
			Name: activities.MetricSubmits, Kind: series.Counter, SDK: submit,
			Help:   "Paid calls to the provider, by type and outcome.",
			Labels: []string{"type", "outcome"},
			Start:  series.Cross("type", paid, "outcome", submitOutcomes()),
		},
		{
			Name: activities.MetricCreditsSpent, Kind: series.Counter, SDK: submit,
			Help:   "List prices, in credits, of the paid calls that were accepted.",
			Labels: []string{"type"}, Start: series.Each("type", types),
		},
		{
			Name: activities.MetricStemsArchived, Kind: series.Counter, SDK: stem,
			Help: "Stems moved into the archive.", Start: series.Alone(),
		},
		{
			Name: activities.MetricBytesArchived, Kind: series.Counter, SDK: stem,
			Help: "Bytes of the stems moved into the archive.", Start: series.Alone(),
		},
		{
			Name: activities.MetricStemArchiveLatency, Kind: series.Histogram, SDK: stem,
			Help:  "Seconds that moving one stem took, without the attempts that failed before.",
			Start: series.Alone(),
		},
		{
			Name: activities.MetricStemWaitLatency, Kind: series.Histogram, SDK: stem,
			Help: "Seconds that a stem waited until the process had room for it.", Start: series.Alone(),
		},
		{
			Name: activities.MetricStemFailures, Kind: series.Counter, SDK: stem,
			Help:   "Attempts to move a stem that failed, by error type.",
			Labels: []string{"reason"}, Start: series.Each("reason", errorTypes()),
		},
	}
}

// SDKStart are series of Temporal's SDK that alerts and dashboard look at, by the counter's name:
// the labels with which they start at zero.
func SDKStart(p Place) map[string][]map[string]string {
	const stuck, failed = "temporal_workflow_task_execution_failed", "temporal_activity_execution_failed"
	all := map[string][]map[string]string{}
	add := func(name, reason string, labels map[string]string) {
		labels["failure_reason"] = reason
		all[name] = append(all[name], labels)
	}
	for _, workflowType := range WorkflowTypes() {
		for _, reason := range []string{"WorkflowError", "NonDeterminismError"} {
			add(stuck, reason, p.sdk(p.TaskQueue, workflowType, none))
		}
	}
	const activityError = "ActivityError"
	add(failed, activityError,
		p.sdk(p.SubmitTaskQueue, stemflow.WorkflowSeparateStems, activityapi.ActivitySubmitSeparation))
	add(failed, activityError,
		p.sdk(p.SubmitTaskQueue, stemflow.WorkflowConvertToWAV, activityapi.ActivitySubmitWAV))
	for _, activityType := range []string{
		activityapi.ActivityPrepareArchive, activityapi.ActivityPrepareSong, activityapi.ActivityGetSeparationRecord,
		activityapi.ActivityRenewSource, activityapi.ActivityArchiveStem, activityapi.ActivityWriteManifest,
	} {
		add(failed, activityError, p.sdk(p.TaskQueue, stemflow.WorkflowSeparateStems, activityType))
	}
	for _, activityType := range []string{
		activityapi.ActivityPrepareArchive, activityapi.ActivityGetWAVRecord, activityapi.ActivityRenewWAV,
		activityapi.ActivityArchiveWAV, activityapi.ActivityWriteManifest,
	} {
		add(failed, activityError, p.sdk(p.TaskQueue, stemflow.WorkflowConvertToWAV, activityType))
	}
	return all
}

// WorkflowTypes are the workflows whose runs are counted while they are open.
func WorkflowTypes() []string {
	return []string{
		stemflow.WorkflowSeparateStems, stemflow.WorkflowSeparateCatalog, stemflow.WorkflowVerifyArchive,
		stemflow.WorkflowGenerateMIDI, stemflow.WorkflowConvertToWAV,
		activityapi.WorkflowRecordCallback, activityapi.WorkflowJoinStems, activityapi.WorkflowJoinCatalog,
		activityapi.WorkflowDeliverEvent,
	}
}

// PauseReasons are the reasons for which a catalogue may be paused: a person, or an error type.
func PauseReasons() []string { return append([]string{stemflow.PauseRequested}, errorTypes()...) }

// deliveries are the labels of what is counted of hooks.
func deliveries() []map[string]string {
	var all []map[string]string
	for _, hook := range []string{activityapi.HookWebhook, activityapi.HookCommand, activityapi.HookNotifier} {
		for _, labels := range series.Cross("event", stemflow.EventTypes(), "outcome", workflows.DeliveryOutcomes()) {
			labels["hook"] = hook
			all = append(all, labels)
		}
	}
	return all
}

func errorTypes() []string {
	var names []string
	for _, t := range stemflow.ErrorTypes() {
		names = append(names, t.Name)
	}
	return names
}

func submitOutcomes() []string {
	outcomes := []string{activities.SubmitAccepted}
	for _, verdict := range kie.Verdicts() {
		outcomes = append(outcomes, verdict.String())
	}
	return outcomes
}
