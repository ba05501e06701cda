package contractschema

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stemflow"
)

// source is what the contract's source says beyond what reflection sees: comments, and the values
// of types.
type source struct {
	// types are the comments of types, fields those of fields, by "Type.Field".
	types, fields map[string]string
	// values are the constants of a type that is a string, in their order.
	values map[string][]string
	// names is how JSON writes what comments name: constants as their values, fields as in JSON.
	names map[string]string
}

// readSource reads the Go files of the contract, from the top folder of the repository.
func readSource(dir fs.FS) (*source, error) {
	files, err := fs.Glob(dir, "*.go")
	if err != nil {
		return nil, err
	}
	s := &source{
		types: map[string]string{}, fields: map[string]string{}, values: map[string][]string{},
		names: map[string]string{
			"DefaultCallbackGrace": stemflow.DefaultCallbackGrace.String(),
			"DefaultPollInterval":  stemflow.DefaultPollInterval.String(),
			"DefaultDeadline":      stemflow.DefaultDeadline.String(),
			"MaxDeadline":          stemflow.MaxDeadline.String(),
		},
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		content, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(
			token.NewFileSet(),
			name,
			content,
			parser.ParseComments|parser.SkipObjectResolution,
		)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			if decl, ok := decl.(*ast.GenDecl); ok {
				s.read(decl)
			}
		}
	}
	return s, nil
}

func (s *source) read(decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			s.readConstant(spec)
		case *ast.TypeSpec:
			comment := spec.Doc
			if comment == nil {
				comment = decl.Doc
			}
			s.types[spec.Name.Name] = oneLine(comment)
			if fields, ok := spec.Type.(*ast.StructType); ok {
				s.readFields(spec.Name.Name, fields)
			}
		}
	}
}

func (s *source) readConstant(spec *ast.ValueSpec) {
	if len(spec.Values) != 1 {
		return
	}
	if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
		value, _ := strconv.Unquote(literal.Value) // it is a literal
		if kind, ok := spec.Type.(*ast.Ident); ok {
			s.values[kind.Name] = append(s.values[kind.Name], value)
		}
		s.names[spec.Names[0].Name] = "`" + value + "`"
		return
	}
	value, err := types.Eval(token.NewFileSet(), nil, token.NoPos, types.ExprString(spec.Values[0]))
	if err == nil && value.Value != nil && value.Value.Kind() == constant.Int {
		s.names[spec.Names[0].Name] = value.Value.ExactString()
	}
}

// readFields also takes the comment of a field for those that follow it and that it names: "TaskID
// and AudioID are ...".
func (s *source) readFields(of string, fields *ast.StructType) {
	last := ""
	for _, field := range fields.Fields.List {
		if len(field.Names) != 1 || field.Tag == nil {
			continue // it is embedded, or not exported
		}
		name := field.Names[0].Name
		comment := oneLine(field.Doc)
		switch {
		case comment != "":
			last = comment
		case slices.Contains(words.FindAllString(last, -1), name):
			comment = last
		}
		s.fields[of+"."+name] = comment
		tag, _ := strconv.Unquote(field.Tag.Value) // it is a literal
		json := "`" + jsonName(tag) + "`"
		s.names[of+"."+name] = json
		if name != strings.ToUpper(name) && name[1:] != strings.ToLower(name[1:]) { // it is no word of English
			s.names[name] = json
		}
	}
}

var words = regexp.MustCompile(`\w+`)

func oneLine(comment *ast.CommentGroup) string {
	return strings.Join(strings.Fields(comment.Text()), " ")
}

func jsonName(tag string) string {
	name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	return name
}

var word = regexp.MustCompile(`\[?\b[A-Z][A-Za-z0-9.]*[A-Za-z0-9]\b\]?`)

// describe is a comment of a type in the words of JSON.
func (s *source) describe(of, comment string) string {
	return word.ReplaceAllStringFunc(comment, func(name string) string {
		bare := strings.Trim(name, "[]")
		if json, ok := s.names[of+"."+bare]; ok {
			return json
		}
		if json, ok := s.names[bare]; ok {
			return json
		}
		return bare
	})
}
