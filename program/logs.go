// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"io"
	stdlog "log"
	"os"
	"strings"

	"github.com/go-logr/logr"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// SetUpLogs makes the logger that the flags ask for and has everybody in the program use it: controller-runtime, klog
// of client-go, and the standard logger, to which http servers write what goes wrong with a connection. Nothing else is
// written to out, so each line of a JSON log is JSON.
//
// Errors come without stack traces: those that are logged are refusals of the API server for the most part, and where
// we asked for what it refused does not help.
func (o *Options) SetUpLogs(out io.Writer) (logr.Logger, error) {
	levels := map[string]zapcore.Level{"debug": zapcore.DebugLevel, "info": zapcore.InfoLevel, "error": zapcore.ErrorLevel}
	level, ok := levels[o.LogLevel]
	if !ok {
		return logr.Discard(), fmt.Errorf("--log-level=%s: must be debug, info or error", o.LogLevel)
	}
	if o.LogFormat != "json" && o.LogFormat != "text" {
		return logr.Discard(), fmt.Errorf("--log-format=%s: must be json or text", o.LogFormat)
	}
	log := zap.New(zap.UseDevMode(o.LogFormat == "text"), zap.Level(level), zap.StacktraceLevel(zapcore.PanicLevel), zap.WriteTo(out))
	ctrl.SetLogger(log)
	klog.SetLogger(log.WithName("klog"))
	stdlog.SetFlags(0)
	stdlog.SetOutput(lines{log.WithName("std")})
	return log, nil
}

// lines logs what is written to it, as the standard logger does: a message each time.
type lines struct{ log logr.Logger }

// Write logs one message.
func (l lines) Write(message []byte) (int, error) {
	l.log.Info(strings.TrimSpace(string(message)))
	return len(message), nil
}

// Fail ends the program and says why in the form that its log has, or in plain text where the flags name none.
func (o *Options) Fail(name string, err error) {
	if log, wrong := o.SetUpLogs(os.Stderr); wrong == nil {
		log.Error(err, "the program ends", "program", name)
	} else {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	}
	os.Exit(1)
}
