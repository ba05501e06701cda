// Package activities holds the activities of stemflow: each does one external thing, is a struct with what it depends on, and
// is registered under its name in the contract.
package activities

import (
	"go.temporal.io/sdk/activity"

	"stemflow"
)

// Registry is the part of a worker that registration needs.
type Registry interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

// Set is all activities of stemflow.
type Set struct {
	PrepareArchive      *PrepareArchive
	SubmitSeparation    *SubmitSeparation
	RecordSubmission    *RecordSubmission
	AdoptCallback       *AdoptCallback
	GetSeparationRecord *GetSeparationRecord
	RenewSource         *RenewSource
	ArchiveStem         *ArchiveStem
	WriteManifest       *WriteManifest

	PrepareCatalog     *PrepareCatalog
	ReadCatalog        *ReadCatalog
	GetBalance         *GetBalance
	AwaitSeparation    *AwaitSeparation
	RecordOutcomes     *RecordOutcomes
	WriteCatalogReport *WriteCatalogReport
}

// Register registers all activities but the paid one.
func (s Set) Register(r Registry) {
	register(r, stemflow.ActivityPrepareArchive, s.PrepareArchive.Execute)
	register(r, stemflow.ActivityRecordSubmission, s.RecordSubmission.Execute)
	register(r, stemflow.ActivityAdoptCallback, s.AdoptCallback.Execute)
	register(r, stemflow.ActivityGetSeparationRecord, s.GetSeparationRecord.Execute)
	register(r, stemflow.ActivityRenewSource, s.RenewSource.Execute)
	register(r, stemflow.ActivityArchiveStem, s.ArchiveStem.Execute)
	register(r, stemflow.ActivityWriteManifest, s.WriteManifest.Execute)

	register(r, stemflow.ActivityPrepareCatalog, s.PrepareCatalog.Execute)
	register(r, stemflow.ActivityReadCatalog, s.ReadCatalog.Execute)
	register(r, stemflow.ActivityGetBalance, s.GetBalance.Execute)
	register(r, stemflow.ActivityAwaitSeparation, s.AwaitSeparation.Execute)
	register(r, stemflow.ActivityRecordOutcomes, s.RecordOutcomes.Execute)
	register(r, stemflow.ActivityWriteCatalogReport, s.WriteCatalogReport.Execute)
}

// RegisterSubmit registers the paid activity, which has a rate-limited queue of its own.
func (s Set) RegisterSubmit(r Registry) {
	register(r, stemflow.ActivitySubmitSeparation, s.SubmitSeparation.Execute)
}

// register allows a second registration under the same name: a plugin registers again at every replay.
func register(r Registry, name string, fn any) {
	r.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name, DisableAlreadyRegisteredCheck: true})
}
