"""The grpc_python generator of grpcio-tools, as a plugin that buf can run.

buf speaks with its plugins by a CodeGeneratorRequest on stdin and a CodeGeneratorResponse on stdout. grpcio-tools
has its generator only inside its own protoc, so this hands the one to the other.
"""

import pathlib
import subprocess
import sys
import tempfile

from google.protobuf.compiler import plugin_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet


def generate(request):
    response = plugin_pb2.CodeGeneratorResponse(
        supported_features=plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    )
    with tempfile.TemporaryDirectory() as tmp:
        descriptors, out = pathlib.Path(tmp, "descriptors"), pathlib.Path(tmp, "out")
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        out.mkdir()
        protoc = subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={descriptors}"]
            + [f"--grpc_python_out={request.parameter}:{out}", *request.file_to_generate],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        if protoc.returncode != 0:
            response.error = protoc.stdout.strip()
            return response
        for path in sorted(p for p in out.rglob("*") if p.is_file()):
            response.file.add(name=path.relative_to(out).as_posix(), content=path.read_text(encoding="utf-8"))
    return response


if __name__ == "__main__":
    asked = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    sys.stdout.buffer.write(generate(asked).SerializeToString())
