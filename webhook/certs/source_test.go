package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/windlass-operator/windlass/program"
)

// secretWith makes a Secret with a new certificate of this serial number.
func secretWith(t *testing.T, serial int64) *corev1.Secret {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{Data: map[string][]byte{
		"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}}
}

func serving(t *testing.T, s *Source) int64 {
	t.Helper()
	c, err := s.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.SerialNumber.Int64()
}

func loaded(s *Source) bool {
	select {
	case <-s.Loaded():
		return true
	default:
		return false
	}
}

func TestSourceServesTheNewestUsableCertificate(t *testing.T) {
	directory := t.TempDir()
	s := NewSource(&rest.Config{}, program.Scheme(), types.NamespacedName{Namespace: "ns", Name: "cert"}, directory)

	s.load(t.Context(), &corev1.Secret{})
	if _, err := s.GetCertificate(nil); err == nil || !strings.Contains(err.Error(), "Secret ns/cert") || loaded(s) {
		t.Errorf("before there is one: error %v, loaded %t", err, loaded(s))
	}

	s.load(t.Context(), secretWith(t, 1))
	if got := serving(t, s); got != 1 || !loaded(s) {
		t.Errorf("serving %d, loaded %t; want the first", got, loaded(s))
	}

	mixed := secretWith(t, 2)
	mixed.Data["tls.key"] = secretWith(t, 3).Data["tls.key"]
	s.load(t.Context(), mixed)
	if got := serving(t, s); got != 1 {
		t.Errorf("serving %d after a key that does not fit; want the last good one", got)
	}

	next := secretWith(t, 4)
	s.load(t.Context(), next)
	if got := serving(t, s); got != 4 {
		t.Errorf("serving %d, want the newest", got)
	}
	onDisk, err := os.ReadFile(filepath.Join(directory, "tls.crt"))
	if err != nil || !bytes.Equal(onDisk, next.Data["tls.crt"]) {
		t.Errorf("on disk is not what is served: %v", err)
	}
}

func TestSetupRefusesToRotateAllTheTime(t *testing.T) {
	p := &SelfSigned{CAValidity: 10 * time.Hour, CertValidity: time.Hour, RotateBefore: time.Hour}
	err := p.Setup(&rest.Config{}, program.Scheme())
	if err == nil || !strings.Contains(err.Error(), "--cert-rotate-before=1h0m0s: must be less than --cert-validity=1h0m0s") {
		t.Errorf("Setup = %v", err)
	}
}

func TestAMissingSecretIsToBeCreatedAgain(t *testing.T) {
	p := &SelfSigned{Secret: types.NamespacedName{Namespace: "ns", Name: "cert"}}
	missing := apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "cert")
	const want = "certificates of Secret ns/cert: create it again, empty, and it is filled: kubectl create secret generic cert --namespace ns: " +
		`acquiring secret: secrets "cert" not found`
	if err := p.explain(fmt.Errorf("acquiring secret: %w", missing)); err == nil || err.Error() != want {
		t.Errorf("explain = %v, want %s", err, want)
	}
}
