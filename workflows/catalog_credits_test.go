package workflows_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/outcome"
)

func credits(n int) *int { return &n }

// never is how a track ends that an earlier run has archived in the meantime: it pays nothing.
func never(in stemflow.SeparateStemsInput) activityapi.EndedSeparation {
	end := separated(in)
	end.Result.SettledBy, end.Result.Paid = stemflow.SettledByArchive, false
	return end
}

func TestTheBudgetIsNotExceeded(t *testing.T) {
	for name, c := range map[string]struct {
		budget int
		set    func(s *shelf)
		want   stemflow.CatalogCounts
		paid   int
	}{
		"exactly met":       {budget: 300, want: stemflow.CatalogCounts{Archived: 30}, paid: 300},
		"one credit short":  {budget: 299, want: stemflow.CatalogCounts{Archived: 29, Skipped: 1}, paid: 290},
		"below the window":  {budget: 30, want: stemflow.CatalogCounts{Archived: 3, Skipped: 27}, paid: 30},
		"nothing":           {budget: 0, want: stemflow.CatalogCounts{Skipped: 30}},
		"more than enough":  {budget: 301, want: stemflow.CatalogCounts{Archived: 30}, paid: 300},
		"a failure is paid": {budget: 290, set: func(s *shelf) { s.fails(paidAndFailed(stemflow.ErrorSeparationFailed), 1, 2) }, want: stemflow.CatalogCounts{Archived: 27, Failed: 2, Skipped: 1}, paid: 290},
		"what is not paid comes free": {budget: 280, set: func(s *shelf) {
			s.fails(unpaid(stemflow.ErrorProviderRejected), 1)
			s.fails(never(stemflow.SeparateStemsInput{AudioID: "a5"}), 5)
		}, want: stemflow.CatalogCounts{Archived: 28, Found: 1, Failed: 1}, paid: 280},
		"it is waited for what may come free": {budget: 100, set: func(s *shelf) {
			s.fails(unpaid(stemflow.ErrorProviderRejected), 10) // the last that the budget has room for
		}, want: stemflow.CatalogCounts{Archived: 10, Failed: 1, Skipped: 19}, paid: 100},
		"what is archived or paid for passes": {budget: 50, set: func(s *shelf) {
			found := outcome.OfArchived(s.tracks[19],
				stemflow.SeparateStemsResult{SettledBy: stemflow.SettledByArchive})
			s.tracks[19].Found = &found
			s.tracks[29].Input.SeparationTaskID = "sep-30"
		}, want: stemflow.CatalogCounts{Archived: 6, Found: 1, Skipped: 23}, paid: 50},
		"a cheaper one fits": {budget: 60, set: func(s *shelf) {
			s.tracks[0].Input.Type = stemflow.SplitStem
			s.tracks[1].Input.Type = stemflow.SplitStem
			s.tracks[2].Input.Type, s.tracks[2].Input.StemName = stemflow.SplitStemAdvanced, "Kick"
		}, want: stemflow.CatalogCounts{Archived: 2, Skipped: 28}, paid: 60},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 30)
			s.in.CreditBudget = credits(c.budget)
			if c.set != nil {
				c.set(s)
			}
			s.run()
			result := s.result()
			require.Equal(t, c.want, result.CatalogCounts)
			require.Equal(t, c.paid, result.Credits)
			require.LessOrEqual(t, s.paid, c.budget)
			for _, outcome := range s.outcomes {
				if outcome.Status == stemflow.TrackSkipped {
					require.Equal(t, stemflow.ReasonCreditBudget, outcome.Reason)
					require.Contains(
						t,
						outcome.Message,
						fmt.Sprintf("of the budget's %d credits are spent, and the track may cost", c.budget),
					)
				}
			}
		})
	}
}

// spends gives the account so many credits, from which runs pay when they begin.
func (s *shelf) spends(balance int) *int {
	before := s.separate
	s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
		takes, end := before(in)
		price := stemflow.Price(in.WithDefaults().Type)
		if end.Result == nil || !end.Result.Paid {
			return takes, end
		}
		if balance < price {
			return time.Second, unpaid(stemflow.ErrorInsufficientCredits)
		}
		balance -= price
		return takes, end
	}
	s.balance = func() (float64, error) { return float64(balance), nil }
	return &balance
}

func TestTheBalanceIsNotExceeded(t *testing.T) {
	for name, c := range map[string]struct {
		balance int
		want    stemflow.CatalogCounts
	}{
		"exactly met":      {300, stemflow.CatalogCounts{Archived: 30}},
		"one credit short": {299, stemflow.CatalogCounts{Archived: 29, Skipped: 1}},
		"below the window": {35, stemflow.CatalogCounts{Archived: 3, Skipped: 27}},
		"nothing":          {0, stemflow.CatalogCounts{Skipped: 30}},
		"more than enough": {5000, stemflow.CatalogCounts{Archived: 30}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 30)
			s.spends(c.balance)
			s.run()
			require.Equal(t, c.want, s.result().CatalogCounts)
			for _, outcome := range s.outcomes {
				if outcome.Status == stemflow.TrackSkipped {
					require.Equal(t, stemflow.ErrorInsufficientCredits, outcome.Reason)
					require.Contains(
						t,
						outcome.Message,
						fmt.Sprintf("the account has %d credits, and the track may cost 10; top it up", c.balance%10),
					)
				}
			}
			require.Less(t, s.calls[activityapi.ActivityGetBalance], 30, "it is not asked for with each track")
		})
	}
}

// Somebody else spends what the account had when it was looked at.
func TestTheBalanceFallsMeanwhile(t *testing.T) {
	s := newShelf(t, 500)
	balance := s.spends(100_000)
	s.prelude = func() { s.after(90*time.Second, func() { *balance = 45 }) }
	s.run()
	result := s.result()
	require.Equal(t, 17, result.Archived, "thirteen before, and what 45 credits pay")
	require.LessOrEqual(t, result.Failed, 10, "no more than a window of them is refused")
	require.Positive(t, result.Failed)
	require.Equal(t, 500, result.Archived+result.Failed+result.Skipped)
	require.Less(t, s.calls[activityapi.ActivityGetBalance], 30)
}

func TestATopUpIsNoticed(t *testing.T) {
	s := newShelf(t, 400)
	balance := s.spends(50)
	s.page = func(offset int64) {
		if offset == 200 {
			*balance = 10_000
		}
	}
	s.run()
	require.Equal(
		t,
		stemflow.CatalogCounts{Archived: 205, Skipped: 195},
		s.result().CatalogCounts,
		"the balance is looked at with each page",
	)
}

// The provider refuses although the balance should suffice: its price, or a limit of the key, is
// not what is documented.
func TestABalanceThatDoesNotMeanWhatItSays(t *testing.T) {
	s := newShelf(t, 1000)
	s.separate = func(stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
		return time.Second, unpaid(stemflow.ErrorInsufficientCredits)
	}
	s.balance = func() (float64, error) { return 500, nil }
	s.run()
	result := s.result()
	require.Zero(t, result.Credits)
	require.LessOrEqual(t, result.Failed, 11, "a window, and a probe")
	require.Equal(t, 1000-result.Failed, result.Skipped)
	require.Contains(
		t,
		s.outcomes[1000].Message,
		"the account has 500 credits, and at 500 the provider would take no track",
	)
}

// It refused for a moment; a probe finds that it takes tracks again.
func TestAProbeFindsThatCreditsSufficeAgain(t *testing.T) {
	s := newShelf(t, 100)
	s.fails(unpaid(stemflow.ErrorInsufficientCredits), 1, 2, 3)
	s.run()
	require.Equal(t, stemflow.CatalogCounts{Archived: 97, Failed: 3}, s.result().CatalogCounts)
}

// A refused key ends no track: the catalogue waits for another one, and tries those again that were
// refused.
func TestARefusedKeyPausesTheCatalog(t *testing.T) {
	s := newShelf(t, 100)
	mended := false
	s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
		if len(s.started) > 20 && !mended {
			return time.Second, unpaid(stemflow.ErrorUnauthorized)
		}
		return time.Minute, separated(in)
	}
	s.prelude = func() {
		s.after(5*time.Hour, func() {
			p := s.progress()
			require.Equal(t, stemflow.ErrorUnauthorized, p.Paused.Reason)
			require.Equal(t, "Unauthorized it is", p.Paused.Message)
			require.Equal(t, 20, p.Archived)
			require.Zero(t, p.Failed+p.Running+p.Reserved)
			require.LessOrEqual(t, len(s.started), 30, "a window, and no more")
			mended = true
			s.update(stemflow.UpdateResume, nil)
		})
	}
	s.run()
	require.Equal(t, stemflow.CatalogCounts{Archived: 100}, s.result().CatalogCounts)
}

// A requested pause says what is wrong once something is.
func TestARefusedKeyIsToldDuringAPause(t *testing.T) {
	s := newShelf(t, 20)
	s.separate = func(stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
		return time.Minute, unpaid(stemflow.ErrorUnauthorized)
	}
	s.prelude = func() {
		s.after(time.Second, func() { s.update(stemflow.UpdatePause, nil) })
		s.after(time.Hour, func() {
			require.Equal(t, stemflow.ErrorUnauthorized, s.progress().Paused.Reason)
			s.env.CancelWorkflow()
		})
	}
	s.run()
	_, _, result := s.failure()
	require.Equal(t, 3, result.Cancelled, "they were to be tried again")
	s.account(result)
}

func TestAnOutagePausesTheCatalog(t *testing.T) {
	for name, c := range map[string]struct {
		end     func(reason string) activityapi.EndedSeparation
		failed  int // before the one for which it pauses
		credits int // what is tried again is paid for once
		message string
	}{
		"unpaid": {unpaid, 9, 910, "10 tracks in a row could not be separated, the last one in line "},
		"paid":   {paidAndFailed, 2, 1000, "the last 3 tracks that were paid for failed and cost 10 + 10 + 10 credits, "},
	} {
		for _, reason := range []string{
			stemflow.ErrorProviderUnavailable, stemflow.ErrorArchiveUnavailable, stemflow.ErrorSeparationTimedOut,
			stemflow.ErrorSourceForbidden,
			stemflow.ErrorSourceBlocked,
		} {
			t.Run(name+" "+reason, func(t *testing.T) {
				s := newShelf(t, 100)
				s.in.Force = true
				for i := range s.tracks {
					s.tracks[i].Input.Force = true
				}
				mended := false
				s.separate = func(in stemflow.SeparateStemsInput) (time.Duration, activityapi.EndedSeparation) {
					if len(s.started) > 20 && !mended {
						return time.Minute, c.end(reason)
					}
					end := separated(in)
					end.Result.Paid = in.Force
					return time.Minute, end
				}
				s.prelude = func() {
					s.after(5*time.Hour, func() {
						p := s.progress()
						require.Equal(t, reason, p.Paused.Reason)
						require.Contains(t, p.Paused.Message, c.message)
						require.Contains(t, p.Paused.Message, reason+" it is")
						require.Equal(t, c.failed, p.Failed)
						mended = true
						s.update(stemflow.UpdateResume, nil)
					})
				}
				s.run()
				result := s.result()
				require.Equal(
					t,
					stemflow.CatalogCounts{Archived: 100 - c.failed, Failed: c.failed},
					result.CatalogCounts,
				)
				require.Equal(t, c.credits, result.Credits)
			})
		}
	}
}

func TestSomeFailuresInARowAreNoOutage(t *testing.T) {
	s := newShelf(t, 100)
	for i := range 9 {
		s.fails(unpaid(stemflow.ErrorProviderUnavailable), 21+i)
	}
	s.run()
	require.Equal(t, stemflow.CatalogCounts{Archived: 91, Failed: 9}, s.result().CatalogCounts)
}

func TestABalanceThatCannotBeReadPausesTheCatalog(t *testing.T) {
	for reason, err := range map[string]error{
		stemflow.ErrorUnauthorized:        temporal.NewNonRetryableApplicationError("no", stemflow.ErrorUnauthorized, nil),
		stemflow.ErrorProviderUnavailable: errors.New("connection refused"),
	} {
		t.Run(reason, func(t *testing.T) {
			s := newShelf(t, 10)
			mended := false
			s.balance = func() (float64, error) {
				if !mended {
					return 0, err
				}
				return 1000, nil
			}
			s.prelude = func() {
				s.after(5*time.Hour, func() {
					p := s.progress()
					require.Equal(t, reason, p.Paused.Reason)
					require.Contains(t, p.Paused.Message, "the account's balance cannot be read")
					require.Empty(t, s.started)
					mended = true
					s.update(stemflow.UpdateResume, nil)
				})
			}
			s.run()
			require.Equal(t, 10, s.result().Archived)
		})
	}
}
