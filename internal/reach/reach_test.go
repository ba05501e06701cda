package reach

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// server answers with one error after the other, and then as it should.
type server struct {
	client.Client
	service
}

type service struct {
	workflowservice.WorkflowServiceClient
	errs  []error
	tries []time.Time
}

func (s *server) WorkflowService() workflowservice.WorkflowServiceClient { return &s.service }

func (s *service) DescribeNamespace(
	context.Context, *workflowservice.DescribeNamespaceRequest, ...grpc.CallOption,
) (*workflowservice.DescribeNamespaceResponse, error) {
	s.tries = append(s.tries, time.Now())
	if len(s.errs) == 0 {
		return &workflowservice.DescribeNamespaceResponse{}, nil
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	return nil, err
}

var at = Server{Address: "temporal:7233", Namespace: "music"}

func TestPausesBetweenTriesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		for range 9 {
			s.errs = append(s.errs, serviceerror.NewUnavailable("connection refused"))
		}
		var told []error
		require.NoError(t, Temporal(t.Context(), s, at, func(err error) { told = append(told, err) }))
		require.Len(t, told, 9)
		var pauses []int
		for i := range s.tries[1:] {
			pauses = append(pauses, int(s.tries[i+1].Sub(s.tries[i]).Seconds()))
		}
		require.Equal(t, []int{1, 2, 4, 8, 16, 30, 30, 30, 30}, pauses)
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		for range 100 {
			s.errs = append(s.errs, serviceerror.NewUnavailable("connection refused"))
		}
		stopped := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Second, func() { cancel(stopped) })
		began := time.Now()
		require.Equal(t, stopped, Temporal(ctx, s, at, nil))
		require.Equal(t, 20*time.Second, time.Since(began))
	})
}

func TestWhatWaitingDoesNotMend(t *testing.T) {
	handshake := func(why string) error {
		return serviceerror.NewUnavailable(
			`connection error: desc = "transport: authentication handshake failed: ` + why + `"`,
		)
	}
	for name, c := range map[string]struct {
		err  error
		says string // empty: it is waited for
	}{
		"refused":           {serviceerror.NewUnavailable(`dial tcp 127.0.0.1:7233: connect: connection refused`), ""},
		"no such host":      {serviceerror.NewUnavailable(`dial tcp: lookup temporal: no such host`), ""},
		"no addresses":      {serviceerror.NewUnavailable("name resolver error: produced zero addresses"), ""},
		"slow":              {context.DeadlineExceeded, ""},
		"slow server":       {serviceerror.NewDeadlineExceeded("slow"), ""},
		"busy":              {serviceerror.NewResourceExhausted(1, "namespace rate limit exceeded"), ""},
		"starting":          {serviceerror.NewInternal("not ready"), ""},
		"a proxy before it": {status.Error(codes.Unknown, "unexpected HTTP status code 502"), ""},
		"closed":            {serviceerror.NewUnavailable("error reading server preface: EOF"), ""},
		"expired": {
			handshake("tls: failed to verify certificate: x509: certificate has expired or is not yet valid"), "",
		},
		"no namespace":        {serviceerror.NewNamespaceNotFound("music"), "temporal operator namespace create music"},
		"an older server":     {serviceerror.NewNotFound("Namespace music is not found."), "TEMPORAL_NAMESPACE"},
		"no rights":           {serviceerror.NewPermissionDenied("Request unauthorized.", ""), "rights to the namespace music"},
		"no key":              {status.Error(codes.Unauthenticated, "no key"), "TEMPORAL_API_KEY"},
		"no name":             {serviceerror.NewInvalidArgument("Namespace is empty."), "TEMPORAL_NAMESPACE"},
		"plain server":        {handshake("tls: first record does not look like a TLS handshake"), "TEMPORAL_TLS=false"},
		"foreign certificate": {handshake("tls: failed to verify certificate: x509: certificate signed by unknown authority"), "CA_CERT_PATH"},
		"another host":        {handshake("tls: failed to verify certificate: x509: certificate is valid for a, not b"), "TEMPORAL_TLS_SERVER_NAME"},
		"our certificate":     {handshake("remote error: tls: bad certificate"), "TEMPORAL_TLS_CLIENT_CERT_PATH"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{service: service{errs: []error{c.err}}}
				err := Temporal(t.Context(), s, at, nil)
				if c.says == "" {
					require.NoError(t, err)
					require.Len(t, s.tries, 2)
					return
				}
				require.ErrorIs(t, err, c.err)
				require.ErrorContains(t, err, c.says)
				require.ErrorContains(t, err, "temporal:7233")
				require.Len(t, s.tries, 1)
			})
		})
	}
}
