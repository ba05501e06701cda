package ledger

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// mutantSource is what the flipped sources call.
const mutantSource = `package ledger

import (
	"os"
	"slices"
	"strconv"
)

var mutant, _ = strconv.Atoi(os.Getenv("` + mutantVariable + `"))

// flipped is a condition, or its contrary.
func flipped(n int, condition bool) bool { return condition != (mutant == n) }

// diverted is a value, or another one in place of some.
func diverted[T ~int](n int, value, to T, from ...T) T {
	if mutant == n && slices.Contains(from, value) {
		return to
	}
	return value
}

// gathered is a value, or another one in place of all but some.
func gathered[T ~int](n int, value, to T, but ...T) T {
	if mutant == n && !slices.Contains(but, value) {
		return to
	}
	return value
}

// emptied is a list, or none.
func emptied[T any](n int, list []T) []T {
	if mutant == n {
		return nil
	}
	return list
}
`

// flip rewrites a source so that each of its branches can be flipped, by its number from first on.
// Branches are: conditions and their operands, boolean results and settings, loops, which are made
// to have nothing to do, and the cases of a switch, which are made to do what the next one does.
func flip(name, source string, first int) (flipped string, mutants []string, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return "", nil, err
	}
	f := &flipper{files: files, source: source, first: first}
	for _, decl := range file.Decls {
		if function, ok := decl.(*ast.FuncDecl); ok {
			f.function(function.Type, function.Body)
		}
	}
	return f.rewritten(), f.mutants, nil
}

type flipper struct {
	files   *token.FileSet
	source  string
	first   int
	mutants []string
	edits   []edit
}

// edit puts something around a part of the source.
type edit struct {
	from, to      int
	before, after string
}

func (f *flipper) offset(pos token.Pos) int { return f.files.Position(pos).Offset }

func (f *flipper) text(n ast.Node) string { return f.source[f.offset(n.Pos()):f.offset(n.End())] }

// mutant counts one.
func (f *flipper) mutant(n ast.Node, what string) int {
	at := f.files.Position(n.Pos())
	text := strings.Join(strings.Fields(f.text(n)), " ")
	f.mutants = append(f.mutants, fmt.Sprintf("%s:%d: %s %s", at.Filename, at.Line, what, text))
	return f.first + len(f.mutants) - 1
}

func (f *flipper) around(n ast.Node, before, after string) {
	f.edits = append(f.edits, edit{f.offset(n.Pos()), f.offset(n.End()), before, after})
}

// condition flips a condition, and its operands.
func (f *flipper) condition(e ast.Expr) {
	f.around(e, fmt.Sprintf("flipped(%d, ", f.mutant(e, "not")), ")")
	f.operands(e)
}

func (f *flipper) operands(e ast.Expr) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		f.operands(e.X)
	case *ast.BinaryExpr:
		if e.Op == token.LAND || e.Op == token.LOR {
			f.condition(e.X)
			f.condition(e.Y)
		}
	}
}

// function flips the branches of a function, and of those within.
func (f *flipper) function(t *ast.FuncType, body *ast.BlockStmt) {
	var boolean []bool
	if t.Results != nil {
		for _, field := range t.Results.List {
			id, ok := field.Type.(*ast.Ident)
			boolean = append(boolean, slices.Repeat([]bool{ok && id.Name == "bool"}, max(1, len(field.Names)))...)
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			f.function(n.Type, n.Body)
			return false
		case *ast.IfStmt:
			f.condition(n.Cond)
		case *ast.ForStmt:
			if n.Cond != nil {
				f.condition(n.Cond)
			}
		case *ast.RangeStmt:
			f.around(n.X, fmt.Sprintf("emptied(%d, ", f.mutant(n.X, "no loop over")), ")")
		case *ast.ReturnStmt:
			for i, result := range n.Results {
				if len(n.Results) == len(boolean) && boolean[i] {
					f.condition(result)
				}
			}
		case *ast.AssignStmt:
			for _, value := range n.Rhs {
				if id, ok := value.(*ast.Ident); ok && (id.Name == "true" || id.Name == "false") {
					f.condition(value)
				}
			}
		case *ast.SwitchStmt:
			f.cases(n)
		}
		return true
	})
}

// cases flips the cases of a switch.
func (f *flipper) cases(s *ast.SwitchStmt) {
	var clauses []*ast.CaseClause
	var values []string
	for _, stmt := range s.Body.List {
		clause := stmt.(*ast.CaseClause)
		clauses = append(clauses, clause)
		for _, value := range clause.List {
			if s.Tag == nil {
				f.condition(value)
			}
			values = append(values, f.text(value))
		}
	}
	if s.Tag == nil {
		return
	}
	// first is a value that leads to a clause; none of the others leads to the default.
	first := func(i int) string {
		if i == len(clauses) || clauses[i].List == nil {
			return "-1"
		}
		return f.text(clauses[i].List[0])
	}
	hasDefault := slices.ContainsFunc(clauses, func(c *ast.CaseClause) bool { return c.List == nil })
	for i, clause := range clauses {
		next := i + 1
		if next == len(clauses) && hasDefault {
			next = 0
		}
		for _, value := range clause.List {
			f.around(s.Tag, fmt.Sprintf("diverted(%d, ", f.mutant(value, "as in the next case:")),
				fmt.Sprintf(", %s, %s)", first(next), f.text(value)))
		}
		if clause.List == nil {
			f.around(s.Tag, fmt.Sprintf("gathered(%d, ", f.mutant(clause, "as in the first case:")),
				fmt.Sprintf(", %s, %s)", first(0), strings.Join(values, ", ")))
		}
	}
}

// rewritten is the source with all edits. Those of a part lie within those of the parts around it,
// which were made before.
func (f *flipper) rewritten() string {
	var b strings.Builder
	for i := 0; i <= len(f.source); i++ {
		for _, e := range slices.Backward(f.edits) {
			if e.to == i {
				b.WriteString(e.after)
			}
		}
		for _, e := range f.edits {
			if e.from == i {
				b.WriteString(e.before)
			}
		}
		if i < len(f.source) {
			b.WriteByte(f.source[i])
		}
	}
	return b.String()
}
