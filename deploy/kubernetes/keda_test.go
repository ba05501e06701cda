package kubernetes

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	// A package of the module whose source is read here. KEDA's types import Kubernetes' client,
	// which takes longer to compile than all else that this module needs.
	_ "github.com/kedacore/keda/v2/version"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// scaledObject has the fields of KEDA's ScaledObject that tests look at.
type scaledObject struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ScaleTargetRef                   struct{ Name string }
		MinReplicaCount, MaxReplicaCount *int32
		Triggers                         []struct {
			Type              string
			Metadata          map[string]string
			AuthenticationRef *struct{ Name string }
		}
	}
}

// triggerAuthentication has the fields of KEDA's TriggerAuthentication that tests look at.
type triggerAuthentication struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		SecretTargetRef []struct{ Parameter string }
	}
}

// decodeKEDA decodes an object that the schema of KEDA's definition of its kind allows.
func decodeKEDA[T any](t *testing.T, to []*T, text []byte, definition string) []*T {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(kedaDir(t), "config", "crd", "bases", "keda.sh_"+definition+".yaml"))
	require.NoError(t, err)
	var d struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema schema }
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(source, &d))
	require.Len(t, d.Spec.Versions, 1)
	require.Equal(t, "v1alpha1", d.Spec.Versions[0].Name)
	var value any
	require.NoError(t, yaml.Unmarshal(text, &value))
	require.Empty(t, d.Spec.Versions[0].Schema.OpenAPIV3Schema.problems("", value))
	object := new(T)
	require.NoError(t, yaml.Unmarshal(text, object))
	return append(to, object)
}

// schema is what the manifests' definitions use of OpenAPI.
type schema struct {
	Type                 string
	Properties           map[string]schema
	AdditionalProperties *schema
	Items                *schema
	Required             []string
}

// problems are where a value does not fit. A field that the schema does not name is one.
func (s schema) problems(path string, value any) (problems []string) {
	if s.Type == "" {
		return nil // a number or a string
	}
	fits := false
	switch v := value.(type) {
	case map[string]any:
		fits = s.Type == "object"
		for _, key := range slices.Sorted(maps.Keys(v)) {
			field, known := s.Properties[key]
			switch {
			case known:
				problems = append(problems, field.problems(path+"."+key, v[key])...)
			case s.AdditionalProperties != nil:
				problems = append(problems, s.AdditionalProperties.problems(path+"."+key, v[key])...)
			case len(s.Properties) > 0:
				problems = append(problems, path+"."+key+" is unknown")
			}
		}
		for _, key := range s.Required {
			if _, given := v[key]; !given {
				problems = append(problems, path+"."+key+" is missing")
			}
		}
	case []any:
		if fits = s.Type == "array"; fits {
			for _, item := range v {
				problems = append(problems, s.Items.problems(path+"[]", item)...)
			}
		}
	case string:
		fits = s.Type == "string"
	case bool:
		fits = s.Type == "boolean"
	case float64:
		fits = s.Type == "number" || s.Type == "integer" && v == float64(int64(v))
	}
	if !fits {
		problems = append(problems, path+" is no "+s.Type)
	}
	return problems
}

func TestWhatKEDAWouldRefuseIsFound(t *testing.T) {
	s := schema{Type: "object", Required: []string{"spec"}, Properties: map[string]schema{
		"spec": {Type: "object", Properties: map[string]schema{
			"min":      {Type: "integer"},
			"triggers": {Type: "array", Items: &schema{Type: "object", AdditionalProperties: &schema{Type: "string"}}},
		}},
	}}
	for text, want := range map[string][]string{
		`{spec: {min: 1, triggers: [{a: b}]}}`: nil,
		`{}`:                                   {".spec is missing"},
		`{spec: {mim: 1}}`:                     {".spec.mim is unknown"},
		`{spec: {min: "1"}}`:                   {".spec.min is no integer"},
		`{spec: {min: 1.5}}`:                   {".spec.min is no integer"},
		`{spec: {triggers: {a: b}}}`:           {".spec.triggers is no array"},
		`{spec: {triggers: [{a: 1}]}}`:         {".spec.triggers[].a is no string"},
	} {
		var value any
		require.NoError(t, yaml.Unmarshal([]byte(text), &value))
		require.Equal(t, want, s.problems("", value), text)
	}
}

// kedaDir is where the source of KEDA is.
func kedaDir(t *testing.T) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kedacore/keda/v2").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(dir))
}
