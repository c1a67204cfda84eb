#ifndef FLOWCUT_SIM_CONTROL_H
#define FLOWCUT_SIM_CONTROL_H

/* Control of the simulator from tests: exported by the same library as the CUDA entry points, callable from any language. */

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Back to the state of a fresh process (except that cuInit stays done), with this seed for every schedule: the default devices, no context, no
   allocation, no injected failure, no call counted, empty reports. No other call may run at the same time. Handles from before are invalid. */
void flowcutSimReset(unsigned long long seed);

/* Makes the nth call (1 = the next one) of an entry point return `result` once, without any effect; releasing entry points release all the same.
   `entry`: the exported symbol ("cuMemAlloc_v2"), or the name without its version suffix. nth = 0 withdraws the request. Returns 0, or 1 if
   `entry` or `nth` cannot be. */
int flowcutSimFailCall(const char* entry, unsigned nth, int result);

/* Calls of an entry point since the last reset, failed ones included. */
unsigned long long flowcutSimCallCount(const char* entry);

/* Text of all violations, then all leaks (see below), cut to size - 1 characters and zero-terminated. Returns the length of the whole text. */
size_t flowcutSimReport(char* buffer, size_t size);

/* Violations since the last reset, one per line: what, where (kernel, block, thread or allocation, offset). */
size_t flowcutSimViolations(char* buffer, size_t size);

/* Live allocations and handles, one per line, with the entry point that made them. Empty if everything was released. */
size_t flowcutSimLeaks(char* buffer, size_t size);

/* Describes device `ordinal` (0-3): compute capability, memory in bytes, name (NULL: the default). Only while no primary context is active; returns a
   CUresult. */
int flowcutSimSetDevice(int ordinal, int major, int minor, unsigned long long memory_bytes, const char* name);

/* Number of devices, 0-4 (1 after a reset). With 0, cuInit returns CUDA_ERROR_NO_DEVICE. Same condition and result as flowcutSimSetDevice. */
int flowcutSimSetDeviceCount(int count);

/* What cuDriverGetVersion reports (default 13000). */
void flowcutSimSetDriverVersion(int version);

/* Queued work starts at synchronisation points, and else once no call has come for a random time between these bounds (default 300 and 2000), so that
   a host that polls mapped memory sees its value. max_microseconds = 0: only at synchronisation points. */
void flowcutSimSetIdleDelay(unsigned min_microseconds, unsigned max_microseconds);

/* Statistics of one device's memory in bytes; `live` counts allocations. */
typedef struct FlowcutSimMemory {
    unsigned long long capacity, used, peak, pool_reserved, pinned, live;
} FlowcutSimMemory;
int flowcutSimDeviceMemory(int ordinal, FlowcutSimMemory* memory);

#ifdef __cplusplus
}
#endif
#endif
