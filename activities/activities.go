// Package activities holds the activities of stemflow: each does one external thing, is a struct
// with what it depends on, and is registered under its name in internal/activityapi.
package activities

import (
	"reflect"

	"go.temporal.io/sdk/activity"

	"stemflow/internal/activityapi"
)

// Registry is the part of a worker that registration needs.
type Registry interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

// Set is all activities of stemflow.
type Set struct {
	PrepareArchive      *PrepareArchive
	PrepareSong         *PrepareSong
	SubmitSeparation    *SubmitSeparation
	RecordSubmission    *RecordSubmission
	AdoptCallback       *AdoptCallback
	GetSeparationRecord *GetSeparationRecord
	GetMusicRecord      *GetMusicRecord
	RenewSource         *RenewSource
	ArchiveStem         *ArchiveStem
	WriteManifest       *WriteManifest

	PrepareMIDI   *PrepareMIDI
	SubmitMIDI    *SubmitMIDI
	GetMIDIRecord *GetMIDIRecord
	ArchiveMIDI   *ArchiveMIDI

	PrepareCatalog     *PrepareCatalog
	ReadCatalog        *ReadCatalog
	GetBalance         *GetBalance
	AwaitSeparation    *AwaitSeparation
	AwaitCatalog       *AwaitCatalog
	RecordOutcomes     *RecordOutcomes
	WriteCatalogReport *WriteCatalogReport

	VerifyArchive *VerifyArchive
	RepairArchive *RepairArchive

	// Hooks may be nil: nobody is told of anything then.
	Hooks *Hooks
}

// Register registers all activities but those that make tasks at the provider. Those of a task that
// is paid for are registered for each kind of task.
func (s Set) Register(r Registry) {
	for _, task := range activityapi.Tasks() {
		register(r, task.GetRecord, forTask(s.GetSeparationRecord, task, (*GetSeparationRecord).Execute))
		register(r, task.Renew, forTask(s.RenewSource, task, (*RenewSource).Execute))
		register(r, task.Archive, forTask(s.ArchiveStem, task, (*ArchiveStem).Execute))
	}
	register(r, activityapi.ActivityPrepareArchive, s.PrepareArchive.Execute)
	register(r, activityapi.ActivityPrepareSong, s.PrepareSong.Execute)
	register(r, activityapi.ActivityRecordSubmission, s.RecordSubmission.Execute)
	register(r, activityapi.ActivityAdoptCallback, s.AdoptCallback.Execute)
	register(r, activityapi.ActivityGetMusicRecord, s.GetMusicRecord.Execute)
	register(r, activityapi.ActivityWriteManifest, s.WriteManifest.Execute)
	register(r, activityapi.ActivityListSearchAttributes, s.PrepareArchive.SearchAttributes.Execute)

	register(r, activityapi.ActivityPrepareMIDI, s.PrepareMIDI.Execute)
	register(r, activityapi.ActivityGetMIDIRecord, s.GetMIDIRecord.Execute)
	register(r, activityapi.ActivityArchiveMIDI, s.ArchiveMIDI.Execute)

	register(r, activityapi.ActivityPrepareCatalog, s.PrepareCatalog.Execute)
	register(r, activityapi.ActivityReadCatalog, s.ReadCatalog.Execute)
	register(r, activityapi.ActivityGetBalance, s.GetBalance.Execute)
	register(r, activityapi.ActivityAwaitSeparation, s.AwaitSeparation.Execute)
	register(r, activityapi.ActivityAwaitCatalog, s.AwaitCatalog.Execute)
	register(r, activityapi.ActivityRecordOutcomes, s.RecordOutcomes.Execute)
	register(r, activityapi.ActivityWriteCatalogReport, s.WriteCatalogReport.Execute)

	register(r, activityapi.ActivityVerifyArchive, s.VerifyArchive.Execute)
	register(r, activityapi.ActivityRepairArchive, s.RepairArchive.Execute)

	register(r, activityapi.ActivityListHooks, s.Hooks.List)
	register(r, activityapi.ActivityDeliverToHook, s.Hooks.Deliver)
}

// RegisterSubmit registers the paid activities, which have a rate-limited queue of their own, and
// the one that asks for MIDI: the provider's limit counts all tasks.
func (s Set) RegisterSubmit(r Registry) {
	for _, task := range activityapi.Tasks() {
		register(r, task.Submit, forTask(s.SubmitSeparation, task, (*SubmitSeparation).Execute))
	}
	register(r, activityapi.ActivitySubmitMIDI, s.SubmitMIDI.Execute)
}

// register registers an activity whose failures can be reported, whatever they say. It allows a
// second registration under the same name: a plugin registers again at every replay.
func register(r Registry, name string, execute any) {
	fn := reflect.ValueOf(execute)
	reportable := reflect.MakeFunc(fn.Type(), func(args []reflect.Value) []reflect.Value {
		defer boundPanic()
		out := fn.Call(args)
		failure := &out[len(out)-1]
		if err, failed := failure.Interface().(error); failed {
			*failure = reflect.ValueOf(new(boundFailure(err))).Elem()
		}
		return out
	})
	r.RegisterActivityWithOptions(reportable.Interface(), activity.RegisterOptions{
		Name: name, DisableAlreadyRegisteredCheck: true,
	})
}
