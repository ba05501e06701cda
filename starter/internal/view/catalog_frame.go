package view

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"stemflow"
	"stemflow/starter/internal/observe"
)

// Catalog is the picture of a catalogue.
type Catalog struct {
	// Resume is the command that has it go on after a pause.
	Resume string
}

// Frame implements [Picture]. A catalogue began when it says so itself.
func (c Catalog) Frame(o observe.CatalogObservation, started, now time.Time, canvas Canvas) []string {
	if o.Progress != nil && !o.Progress.StartedAt.IsZero() {
		started = o.Progress.StartedAt
	}
	tick := tickAt(now)
	lines := []line{{{tick, cyan}, {" " + clockTime(now.Sub(started)) + "  ", dim}, {catalogPhaseText(o), ""}}}
	if o.Trouble != "" {
		lines = append(lines, line{{"  ! ", yellow}, {o.Trouble, ""}})
	}
	for _, f := range o.Failing {
		lines = append(lines, line{{"  ! ", yellow}, {failureText(f), ""}})
	}
	if p := o.Progress; p != nil && p.Tracks > 0 {
		lines = append(lines, c.pauseLines(*p)...)
		lines = append(lines, barLine(*p, canvas.Size.Columns-1))
		for _, row := range countRows(p.CatalogCounts) {
			if row.count > 0 || row.status == stemflow.TrackArchived || row.status == stemflow.TrackFailed {
				lines = append(lines, countLine(row.mark, string(row.status), row.count))
			}
		}
		lines = append(
			lines,
			countLine(span{tick, cyan}, "running", p.Running),
			countLine(span{"·", dim}, "waiting", waiting(*p)),
		)
		if text := paceText(o); text != "" {
			lines = append(lines, line{{"  " + text, ""}})
		}
		lines = append(lines, line{{"  " + creditText(*p), ""}})
		for _, f := range p.Failures {
			lines = append(lines, line{{"  ✗ ", red}, {failedTrackText(f), ""}})
		}
	}
	return fit(lines, canvas)
}

func catalogPhaseText(o observe.CatalogObservation) string {
	p := o.Progress
	if p == nil {
		return "starting"
	}
	switch p.Phase {
	case stemflow.CatalogPreparing:
		return p.Name + ": checking the tracks"
	case stemflow.CatalogSeparating:
		if p.Paused != nil {
			return p.Name + ": paused"
		}
		if p.Trial {
			return p.Name + ": trying one track after the pause"
		}
		text := fmt.Sprintf("%s: separating %s, %d at a time", p.Name, Plural(p.Tracks, "track"), p.Window)
		if p.PaidWindow > 0 {
			text += fmt.Sprintf(", for now %d that cost credits", p.PaidWindow)
		}
		return text
	case stemflow.CatalogCancelling:
		return p.Name + ": cancelling, what is paid for is kept"
	case stemflow.CatalogReporting:
		return p.Name + ": writing the report"
	case stemflow.CatalogFailed, stemflow.CatalogCancelled:
		return p.Name + ": " + endText(string(p.Phase), p.Failure)
	default:
		return p.Name + ": " + string(p.Phase)
	}
}

// pauseLines say why a catalogue is paused, and what ends that.
func (c Catalog) pauseLines(p stemflow.CatalogProgress) []line {
	if p.Paused == nil || p.Phase != stemflow.CatalogSeparating {
		return nil
	}
	if p.Paused.Reason == stemflow.PauseRequested {
		return []line{{{"  ! ", yellow}, {"paused since " + timeOfDay(p.Paused.Since) + "; to go on: " + c.Resume, ""}}}
	}
	return []line{
		{
			{"  ! ", yellow},
			{
				fmt.Sprintf(
					"paused by itself since %s, %s: %s",
					timeOfDay(p.Paused.Since),
					p.Paused.Reason,
					p.Paused.Message,
				),
				"",
			},
		},
		{{"    when that is mended, to try one track and then go on: " + c.Resume, ""}},
	}
}

// barLine shows how many tracks have come to an end, in so many columns.
func barLine(p stemflow.CatalogProgress, room int) line {
	share := float64(p.Ended()) / float64(p.Tracks)
	figures := fmt.Sprintf(
		" %5.1f%%  %s of %s",
		100*share,
		humanize.Comma(int64(p.Ended())),
		humanize.Comma(int64(p.Tracks)),
	)
	bar := min(room-2-columns(figures), mostBar)
	if bar < leastBar {
		return line{{" " + figures, ""}}
	}
	full := int(float64(bar) * share)
	return line{{"  " + strings.Repeat("█", full), cyan}, {strings.Repeat("░", bar-full), dim}, {figures, ""}}
}

func countLine(mark span, what string, count int) line {
	return line{{"  ", ""}, mark, {fmt.Sprintf(" %-10s %9s", what, humanize.Comma(int64(count))), ""}}
}

func waiting(p stemflow.CatalogProgress) int { return max(p.Tracks-p.Ended()-p.Running, 0) }

// paceText is how fast tracks come to their ends, and when the last will: empty while that is not
// known.
func paceText(o observe.CatalogObservation) string {
	perMinute := o.Pace.PerMinute()
	if perMinute <= 0 || o.Progress.Phase == stemflow.CatalogCancelling || !o.Progress.EndedAt.IsZero() {
		return ""
	}
	text := fmt.Sprintf("%.1f tracks a minute", perMinute)
	left := o.Pace.Left(o.Progress.Tracks - o.Progress.Ended())
	if o.Progress.Paused != nil || left <= 0 || o.Progress.Phase != stemflow.CatalogSeparating {
		return text
	}
	return text + ", about " + roughTime(left) + " left"
}

// roughTime is a duration as people guess one.
func roughTime(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "a minute"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Round(24*time.Hour).Hours())/24)
	}
}

func creditText(p stemflow.CatalogProgress) string {
	text := humanize.Comma(int64(p.Credits)) + " credits spent"
	if p.Reserved > 0 {
		text += ", " + humanize.Comma(int64(p.Reserved)) + " reserved"
	}
	if p.CreditBudget != nil {
		text += ", budget " + humanize.Comma(int64(*p.CreditBudget))
	}
	if p.Balance != nil {
		text += ", account " + humanize.CommafWithDigits(*p.Balance, 2)
	}
	return text
}

func failedTrackText(o stemflow.TrackOutcome) string {
	return fmt.Sprintf("line %d, %s: %s: %s", o.Line, trackText(o), o.Reason, o.Message)
}

// trackText is what a person calls the track of an outcome.
func trackText(o stemflow.TrackOutcome) string { return cmp.Or(o.Title, o.AudioID) }

// CatalogSummary is a catalogue in a line.
func CatalogSummary(p stemflow.CatalogProgress) string {
	parts := []string{
		fmt.Sprintf(
			"%s of %s tracks have come to an end",
			humanize.Comma(int64(p.Ended())),
			humanize.Comma(int64(p.Tracks)),
		),
	}
	if p.Failed > 0 {
		parts = append(parts, humanize.Comma(int64(p.Failed))+" failed")
	}
	parts = append(
		parts,
		humanize.Comma(int64(p.Running))+" running",
		humanize.Comma(int64(waiting(p)))+" waiting",
		creditText(p),
	)
	return strings.Join(parts, ", ")
}

// Changes implements [Picture]. New is each phase, pause, trouble and end of a trouble, the latest
// failures, and each percent of the tracks.
func (c Catalog) Changes(before, now observe.CatalogObservation) []string {
	var lines []string
	over := before.Trouble != "" && now.Trouble == ""
	if text := catalogPhaseText(now); now.Progress != nil &&
		(before.Progress == nil || over || text != catalogPhaseText(before)) {
		lines = append(lines, text)
	}
	if now.Trouble != "" && now.Trouble != before.Trouble {
		lines = append(lines, now.Trouble)
	}
	lines = append(lines, newFailures(before.Failing, now.Failing)...)
	if now.Progress == nil {
		return lines
	}
	was, p := stemflow.CatalogProgress{}, *now.Progress
	if before.Progress != nil {
		was = *before.Progress
	}
	if p.Paused != nil && p.Phase == stemflow.CatalogSeparating &&
		(was.Paused == nil || !was.Paused.Since.Equal(p.Paused.Since)) {
		for _, l := range c.pauseLines(p) {
			lines = append(lines, strings.TrimLeft(l.text(1<<16, false), " !"))
		}
	}
	named := 0
	for _, f := range p.Failures {
		if !containsTrack(was.Failures, f) {
			lines = append(lines, "failed: "+failedTrackText(f))
			named++
		}
	}
	if more := p.Failed - was.Failed - named; more > 0 && before.Progress != nil {
		lines = append(lines, fmt.Sprintf("failed: %d more", more))
	}
	if percent(p) > percent(was) {
		text := fmt.Sprintf("%d%%: %s", percent(p), CatalogSummary(p))
		if pace := paceText(now); pace != "" {
			text += ", " + pace
		}
		lines = append(lines, text)
	}
	return lines
}

func containsTrack(outcomes []stemflow.TrackOutcome, o stemflow.TrackOutcome) bool {
	for _, other := range outcomes {
		if other.Number == o.Number {
			return true
		}
	}
	return false
}

func percent(p stemflow.CatalogProgress) int {
	if p.Tracks == 0 {
		return 0
	}
	return 100 * p.Ended() / p.Tracks
}
