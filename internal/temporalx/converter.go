package temporalx

import (
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/careflow/careflow/internal/config"
)

// NewDataConverter returns the SDK's default converter behind the codec. Workers,
// clients and replay tests of one namespace share its ring.
func NewDataConverter(ring config.KeyRing) (converter.DataConverter, error) {
	codec, err := NewCodec(ring)
	if err != nil {
		return nil, err
	}
	return converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), codec), nil
}

// NewFailureConverter returns a converter that encrypts messages and stack traces of
// failures too: an error's text is written by whoever fails, and may say anything.
func NewFailureConverter(data converter.DataConverter) converter.FailureConverter {
	return temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter:          data,
		EncodeCommonAttributes: true,
	})
}
