"""A client of Kubernetes' Container Runtime Interface, as much of one as the tests need.

The protocol is not written down here: containerd carries its description (the compressed
FileDescriptorProto that Go's protobuf code registers), and speaks exactly that.
"""

import json
import zlib

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

PACKAGE = "runtime.v1"
SECONDS = 90
_GZIP = b"\x1f\x8b\x08"
_MOST = 1 << 20


def _unpack(data, at):
    """The gzip stream that may begin at `at`; empty when none does."""
    try:
        return zlib.decompressobj(31).decompress(data[at:at + _MOST], _MOST)
    except zlib.error:
        return b""


def read_description(program):
    """The FileDescriptorProto of the protocol in the binary `program`."""
    with open(program, "rb") as file:
        data = file.read()
    at = data.find(_GZIP)
    while at >= 0:
        text = _unpack(data, at)
        if f"\x12\x0a{PACKAGE}".encode() in text[:64]:
            description = descriptor_pb2.FileDescriptorProto.FromString(text)
            # Its options are about Go code, and the file that declares them is not needed.
            del description.dependency[:]
            return description
        at = data.find(_GZIP, at + 1)
    raise RuntimeError(f"{program} does not describe {PACKAGE}")


class Client:
    """client.call("RunPodSandbox", config={...}) gives the answer as a dict, in the field names of the protocol."""

    def __init__(self, program, socket):
        pool = descriptor_pool.DescriptorPool()
        self._file = pool.Add(read_description(program)) or pool.FindFileByName("api.proto")
        self._factory = message_factory.MessageFactory(pool)
        self._channel = grpc.insecure_channel(f"unix://{socket}")

    def close(self):
        self._channel.close()

    def call(self, method, **request):
        service, found = next((s, s.methods_by_name[method]) for s in self._file.services_by_name.values()
                              if method in s.methods_by_name)
        question, answer = (self._factory.GetPrototype(kind) for kind in (found.input_type, found.output_type))
        send = self._channel.unary_unary(f"/{PACKAGE}.{service.name}/{method}",
                                         request_serializer=question.SerializeToString,
                                         response_deserializer=answer.FromString)
        message = json_format.Parse(json.dumps(request), question())
        return json_format.MessageToDict(send(message, timeout=SECONDS), preserving_proto_field_name=True)
