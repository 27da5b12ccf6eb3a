// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// longestRun ends a script that does not end by itself. Argo CD lets it run for a second, of which ours take
// milliseconds; a machine that is busy may take longer.
const longestRun = time.Minute

// run runs a script on an object under the conditions that Argo CD grants it: the libraries for packages, basics and
// tables, and of os the time alone. It returns what the script does, as JSON.
func run(script string, object *unstructured.Unstructured) ([]byte, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	if err := openLibraries(state); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), longestRun)
	defer cancel()
	state.SetContext(ctx)
	value, err := plain(object)
	if err != nil {
		return nil, err
	}
	state.SetGlobal("obj", luajson.DecodeValue(state, value))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	return luajson.Encode(state.Get(-1))
}

func openLibraries(state *lua.LState) error {
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
		{lua.OsLibName, openTime},
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return fmt.Errorf("open Lua's library %s: %w", library.name, err)
		}
	}
	return nil
}

// openTime is os without what could touch the machine. Scripts get at it with require("os").
func openTime(state *lua.LState) int {
	lua.OpenOs(state)
	full, loaded := state.GetGlobal(lua.OsLibName), state.GetField(state.GetGlobal(lua.LoadLibName), "loaded")
	only := state.NewTable()
	for _, name := range []string{"date", "time"} {
		state.SetField(only, name, state.GetField(full, name))
	}
	state.SetGlobal(lua.OsLibName, only)
	state.SetField(loaded, lua.OsLibName, only)
	return 0
}

// plain is an object with all its numbers as Lua has them.
func plain(object *unstructured.Unstructured) (out map[string]any, err error) {
	data, err := json.Marshal(object.Object)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	return out, err
}
