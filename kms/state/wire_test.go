package state

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyRecord fills each field of a record: with zero often, and with what lies at the
// borders of msgpack's forms.
func anyRecord(t *rapid.T, v reflect.Value) {
	lengths := rapid.SampledFrom([]int{0, 0, 1, 31, 32, 255, 256, 65535, 65536})
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			anyRecord(t, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			anyRecord(t, v.Elem())
		}
	case reflect.Int64:
		borders := []int64{0, 0, 0, 1, -1, -32, -33, 127, 128, -128, -129, 32767, 32768, -32768, -32769, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32, math.MinInt32 - 1, math.MaxInt64, math.MinInt64}
		v.SetInt(rapid.OneOf(rapid.SampledFrom(borders), rapid.Int64()).Draw(t, "int"))
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		borders := []uint64{0, 0, 0, 1, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64}
		v.SetUint(rapid.OneOf(rapid.SampledFrom(borders), rapid.Uint64()).Draw(t, "uint") & (1<<v.Type().Bits() - 1))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.String:
		v.SetString(strings.Repeat("é", lengths.Draw(t, "length")/2) + strings.Repeat("x", lengths.Draw(t, "length")%256))
	case reflect.Slice:
		if rapid.Bool().Draw(t, "there") {
			v.SetBytes(bytes.Repeat([]byte{0xc3}, lengths.Draw(t, "length")))
		}
	default:
		panic(v.Type().String())
	}
}

// What is encoded by hand is what codec writes, and comes back from either as it was.
func TestByHandIsWhatCodecWrites(t *testing.T) {
	for _, blank := range []func() byHand{func() byHand { return &envelope{} }, func() byHand { return &RotateKey{} }} {
		rapid.Check(t, func(t *rapid.T) {
			v := blank()
			anyRecord(t, reflect.ValueOf(v).Elem())
			want, err := encodeByCodec(v)
			if err != nil {
				t.Fatal(err)
			}
			if got := v.appendTo(nil); !bytes.Equal(got, want) {
				t.Fatalf("%T by hand\n%x, and by codec\n%x", v, got, want)
			}
			if got := v.appendTo([]byte("before")); !bytes.Equal(got, append([]byte("before"), want...)) {
				t.Fatal("what stood before is not left alone")
			}
			hand, codec := blank(), blank()
			if !hand.readFrom(want) {
				t.Fatal("not read by hand")
			}
			if err := decodeByCodec(want, codec); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(hand, codec) { // not with v: what is left out when empty comes back nil
				t.Fatalf("%+v became\n%+v by hand and\n%+v by codec", v, hand, codec)
			}
			if e, ok := hand.(*envelope); ok { // its Body lies in what was read
				e.Body = bytes.Clone(e.Body)
			}
			before := bytes.Clone(want)
			clear(want)
			if !bytes.Equal(hand.appendTo(nil), before) {
				t.Fatal("it keeps a part of what it was read from, or reads not all")
			}
		})
	}
}

// Bytes that codec refuses are not read by hand, and those that it takes give the same.
func TestByHandRefusesWhatCodecRefuses(t *testing.T) {
	v := &RotateKey{Version: KeyVersion{Mount: "m", Name: "n", Number: 300, Type: AES256GCM, State: Active, Sealed: []byte("sealed"), Created: 5}}
	body, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := encode(&envelope{Kind: KindRotateKey, Epoch: 1, Seq: 200, At: 1 << 40, Proposal: make([]byte, 16), Body: body, Once: &Once{Caller: "c", Key: []byte("k")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		blank func() byHand
		good  []byte
	}{{func() byHand { return &RotateKey{} }, body}, {func() byHand { return &envelope{} }, whole}} {
		checkAgree(t, c.blank, c.good)
		for i := range c.good {
			checkAgree(t, c.blank, c.good[:i])
			for bit := range 256 {
				bad := bytes.Clone(c.good)
				bad[i] = byte(bit)
				checkAgree(t, c.blank, bad)
			}
		}
		checkAgree(t, c.blank, append(bytes.Clone(c.good), 0))
	}
}

func checkAgree(t testing.TB, blank func() byHand, b []byte) {
	t.Helper()
	hand, codec := blank(), blank()
	taken, err := hand.readFrom(b), decodeByCodec(b, codec)
	switch {
	case !taken && !reflect.DeepEqual(hand, blank()):
		t.Fatalf("%x is refused and leaves %+v", b, hand)
	case taken != (err == nil) || taken && !reflect.DeepEqual(hand, codec):
		t.Fatalf("%x: by hand %v %+v, by codec %v %+v", b, taken, hand, err, codec)
	}
}

func FuzzByHand(f *testing.F) {
	v := &RotateKey{Version: KeyVersion{Mount: "m", Name: "n", Number: 1, Type: AES256GCM, State: Active}}
	f.Add(v.appendTo(nil))
	f.Add((&envelope{Kind: KindTick, Once: &Once{}}).appendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkAgree(t, func() byHand { return &RotateKey{} }, b)
		checkAgree(t, func() byHand { return &envelope{} }, b)
	})
}

func BenchmarkCommand(b *testing.B) {
	n := &Numbered{Epoch: 3, Seq: 12345, At: 1 << 60, Proposal: make([]byte, 16), Command: &RotateKey{Version: KeyVersion{
		Mount: "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f", Name: "rotated-1-117", Number: 3, Type: AES256GCM, State: Active, KID: "abcdefghijklmnopqrstuv", Sealed: make([]byte, 240)}}}
	clear, err := Encode(n)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Encode(n)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode(clear); err != nil {
				b.Fatal(err)
			}
		}
	})
}
