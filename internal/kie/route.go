package kie

import (
	"fmt"
	"net/http"
	"regexp"
)

// Route is a way by which the provider takes a task.
type Route string

const (
	// RouteDedicated are the endpoints of each kind of task; it is the zero value.
	RouteDedicated Route = ""
	// RouteJobs are the endpoints that serve every model.
	RouteJobs Route = "jobs"
)

// ParseRoute reads a route as it is configured: "dedicated", which an empty text is as well, or
// "jobs".
func ParseRoute(s string) (Route, error) {
	switch s {
	case "", "dedicated":
		return RouteDedicated, nil
	case string(RouteJobs):
		return RouteJobs, nil
	default:
		return "", fmt.Errorf("%q is no route of the provider, give dedicated or jobs", s)
	}
}

func (r Route) other() Route {
	if r == RouteJobs {
		return RouteDedicated
	}
	return RouteJobs
}

func (r Route) recordPath(t *Task) string {
	if r == RouteJobs {
		return pathJobsRecord
	}
	return t.pathRecord
}

func (r Route) submitPath(t *Task) string {
	if r == RouteJobs {
		return pathCreateTask
	}
	return t.pathSubmit
}

// The provider answers for an unknown id with success and no data, or with one of these texts under
// code 422.
var noRecordText = regexp.MustCompile(`(?i)\brecord (does not|doesn['’]t) exist|\brecord ?info is null`)

// saysNoRecord reports whether a refusal says that there is no record. The jobs route is documented
// to say so by 404 as well; a dedicated endpoint that answers so is gone itself.
func (r Route) saysNoRecord(refused *Error) bool {
	return refused.Code == http.StatusUnprocessableEntity && noRecordText.MatchString(refused.Message) ||
		r == RouteJobs && isMissing(refused)
}

// jobBody is the body of a task on the jobs route.
type jobBody struct {
	Model       string `json:"model"`
	CallbackURL string `json:"callBackUrl"`
	Input       any    `json:"input"`
}

// jobInput is what a separation takes there.
type jobInput struct {
	TaskID   string `json:"task_id,omitempty"`
	AudioID  string `json:"audio_id,omitempty"`
	AudioURL string `json:"audio_url,omitempty"`
	Type     string `json:"type"`
	StemName string `json:"stem_name,omitempty"`
}

// body is the request as the route has it.
func (r GenerateRequest) body(t *Task, route Route) any {
	if route == RouteJobs {
		return jobBody{Model: t.model, CallbackURL: r.CallbackURL, Input: t.input(r)}
	}
	return t.body(r)
}
