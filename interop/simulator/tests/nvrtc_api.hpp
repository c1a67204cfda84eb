// The NVRTC entry points, as a client declares them.
#pragma once

#include <cstddef>

struct _nvrtcProgram;
using nvrtcProgram = _nvrtcProgram*;

extern "C" {
const char* nvrtcGetErrorString(int result);
int nvrtcVersion(int* major, int* minor);
int nvrtcGetNumSupportedArchs(int* count);
int nvrtcGetSupportedArchs(int* architectures);
int nvrtcCreateProgram(nvrtcProgram* program, const char* source, const char* name, int header_count, const char* const* headers,
                       const char* const* include_names);
int nvrtcDestroyProgram(nvrtcProgram* program);
int nvrtcCompileProgram(nvrtcProgram program, int option_count, const char* const* options);
int nvrtcGetProgramLogSize(nvrtcProgram program, std::size_t* size);
int nvrtcGetProgramLog(nvrtcProgram program, char* log);
int nvrtcGetCUBINSize(nvrtcProgram program, std::size_t* size);
int nvrtcGetCUBIN(nvrtcProgram program, char* image);
int nvrtcGetPTXSize(nvrtcProgram program, std::size_t* size);
int nvrtcGetPTX(nvrtcProgram program, char* text);
}
