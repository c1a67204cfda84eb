// What cublasLt's entry points begin and end with.
#pragma once

#include <exception>
#include <new>

#include "fault.hpp"
#include "host/lt_abi.hpp"

namespace flowcut::sim::host {

template <class Body>
cublasStatus_t lt_call(const char* entry, Body body) {
  if (const int injected = enter_call(entry); injected != 0) return static_cast<cublasStatus_t>(injected);
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return CUBLAS_STATUS_ALLOC_FAILED;
  } catch (const std::exception&) {
    return CUBLAS_STATUS_INTERNAL_ERROR;
  }
}

}  // namespace flowcut::sim::host
