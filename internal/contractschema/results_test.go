package contractschema

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/series/workerseries"
)

// recording is as much of a recorded history as has inputs, results and details of failures.
type recording struct {
	Events []struct {
		Started *struct {
			WorkflowType struct{ Name string }
			Input        payloads
		} `json:"workflowExecutionStartedEventAttributes"`
		Completed *struct{ Result payloads } `json:"workflowExecutionCompletedEventAttributes"`
		Failed    *struct {
			Failure struct{ ApplicationFailureInfo struct{ Details payloads } }
		} `json:"workflowExecutionFailedEventAttributes"`
	}
}

type payloads struct{ Payloads []struct{ Data []byte } }

func TestWhatRunsHaveRecordedIsValid(t *testing.T) {
	files, err := filepath.Glob("../../workflows/testdata/*.json")
	require.NoError(t, err)
	compiled, schemas := compile(t), inputSchemas(t)
	seen := map[string]int{}
	requireValid := func(name, file string, data []byte) {
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		require.NoError(t, err, file)
		require.NoError(t, compiled(name).Validate(instance), "%s: %s", file, data)
		seen[name]++
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var history recording
		require.NoError(t, json.Unmarshal(content, &history))
		workflow := ""
		for _, event := range history.Events {
			switch {
			case event.Started != nil && event.Started.WorkflowType.Name == activityapi.WorkflowDeliverEvent:
				var delivery struct{ Event json.RawMessage }
				require.NoError(t, json.Unmarshal(event.Started.Input.Payloads[0].Data, &delivery))
				requireValid("Event", file, delivery.Event)
			case event.Started != nil:
				workflow = event.Started.WorkflowType.Name
				if kind := inputOf(workflow); kind != nil && len(event.Started.Input.Payloads) == 1 {
					requireAgreement(t, schemas, kind, event.Started.Input.Payloads[0].Data) // one is refused
				}
			case event.Completed != nil && inputOf(workflow) != nil:
				requireValid(workflow+"Result", file, event.Completed.Result.Payloads[0].Data)
			case event.Failed != nil && workflow == stemflow.WorkflowSeparateStems:
				for _, detail := range event.Failed.Failure.ApplicationFailureInfo.Details.Payloads {
					requireValid("ErrorDetails", file, detail.Data)
				}
			}
		}
	}
	for _, name := range []string{
		"SeparateStemsResult", "SeparateCatalogResult", "VerifyArchiveResult", "ErrorDetails", "Event",
	} {
		require.NotZero(t, seen[name], "no history has a %s", name)
	}
}

func inputOf(workflow string) reflect.Type {
	for _, kind := range inputs {
		if kind.Name() == workflow+"Input" {
			return kind
		}
	}
	return nil
}

// Whatever stemflow writes has the fields that the schema promises, of the types that it promises.
func TestEveryOutputIsValid(t *testing.T) {
	compiled := compile(t)
	r := rand.New(rand.NewPCG(5, 6))
	for _, kind := range outputs {
		schema := compiled(kind.Name())
		for range 5 {
			value := reflect.New(kind).Elem()
			randomOutput(r, value)
			data, err := json.Marshal(value.Interface())
			require.NoError(t, err)
			instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
			require.NoError(t, err)
			require.NoError(t, schema.Validate(instance), "%s: %s", kind.Name(), data)
			// No name is in what is written that the schema does not know.
			for name := range instance.(map[string]any) {
				require.Contains(t, schema.Properties, name, kind.Name())
			}
			for _, name := range schema.Required {
				kept := instance.(map[string]any)[name]
				delete(instance.(map[string]any), name)
				require.Error(t, schema.Validate(instance), "%s without %s", kind.Name(), name)
				instance.(map[string]any)[name] = kept
			}
		}
	}
}

func randomOutput(r *rand.Rand, value reflect.Value) {
	if value.Type() == reflect.TypeFor[time.Time]() {
		value.Set(reflect.ValueOf(time.Unix(r.Int64N(1e10), r.Int64N(1e9)).UTC()))
		return
	}
	switch value.Kind() {
	case reflect.Struct:
		for i := range value.NumField() {
			if value.Type().Field(i).IsExported() {
				randomOutput(r, value.Field(i))
			}
		}
	case reflect.Pointer:
		if one(r, 2) {
			value.Set(reflect.New(value.Type().Elem()))
			randomOutput(r, value.Elem())
		}
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), r.IntN(3), 3))
		for i := range value.Len() {
			randomOutput(r, value.Index(i))
		}
	case reflect.Map:
		value.Set(reflect.ValueOf(map[string]string{"a": "b"}))
	case reflect.String:
		value.SetString(pick(r, "", "a", "drums"))
	case reflect.Bool:
		value.SetBool(one(r, 2))
	case reflect.Float64:
		value.SetFloat(r.Float64())
	default:
		value.SetInt(r.Int64N(1000))
	}
}

func TestTheSchemaHasEveryWorkflow(t *testing.T) {
	document, err := Document(os.DirFS("../.."))
	require.NoError(t, err)
	internal := []string{
		activityapi.WorkflowDeliverEvent, activityapi.WorkflowRecordCallback, activityapi.WorkflowJoinStems,
		activityapi.WorkflowJoinCatalog,
	}
	for _, workflow := range workerseries.WorkflowTypes() {
		if !slices.Contains(internal, workflow) {
			require.NotNil(t, inputOf(workflow), "inputs has no %sInput", workflow)
			require.NotNil(t, document.Defs.lookup(workflow+"Result"), "outputs has no %sResult", workflow)
		}
	}
}

// What schemas cannot say is told to those who read the schema.
func TestTheDifferencesAreDocumented(t *testing.T) {
	document, err := Document(os.DirFS("../.."))
	require.NoError(t, err)
	reference, err := os.ReadFile("../../docs/schema/README.md")
	require.NoError(t, err)
	text := strings.Join(strings.Fields(string(reference)), " ")
	for _, difference := range differences {
		require.Contains(t, document.Description, difference)
		require.Contains(t, text, difference)
	}
}
