// Graphs: what captures have made, and its execution.
#include <algorithm>

#include "host/capture.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

// Handles of nodes are made when somebody asks for them.
CUgraphNode handle_of(GraphNode& node) {
  static std::uintptr_t next = (static_cast<std::uintptr_t>(HandleKind::GraphNode) << 40) + 16;
  if (node.handle == nullptr) {
    node.handle = reinterpret_cast<CUgraphNode>(next);
    next += 16;
  }
  return node.handle;
}

WorkPtr empty_work(const char* label) { return std::make_shared<Work>(Work{WorkKind::Empty, label, nullptr}); }

// Every node becomes an operation that waits for those before it, so that work of other streams can come between any two nodes. The stream
// goes on when all of them have run.
void launch_nodes(Driver& driver, GraphExec& graph, Stream& stream) {
  const OperationPtr begin = driver.enqueue(stream, empty_work("graph"), {graph.last_launch});
  std::vector<OperationPtr> launched;
  launched.reserve(graph.nodes.size());
  for (const GraphNode& node : graph.nodes) {
    std::vector<OperationPtr> after{begin};
    for (const std::size_t earlier : node.after) after.push_back(launched[earlier]);
    ++stream.context->pending;
    launched.push_back(driver.machine.submit(node.work, stream.context, stream.lane, after));
  }
  graph.last_launch = driver.enqueue(stream, empty_work("end of a graph"), std::move(launched));
}

// Why an executable graph cannot take over a graph's nodes; *at is the first node that differs.
CUgraphExecUpdateResult difference(const GraphExec& exec, const Graph& graph, std::size_t* at) {
  *at = 0;
  if (exec.nodes.size() != graph.nodes.size()) return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  for (; *at < graph.nodes.size(); ++*at) {
    const GraphNode &had = exec.nodes[*at], &has = graph.nodes[*at];
    if (had.work->kind != has.work->kind) return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
    if (had.after != has.after) return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  }
  return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

}  // namespace

FLOWCUT_SIM_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* handle, CUgraph graph_handle, unsigned long long flags) {
  return call(__func__, Needs::Context, [&](Call& now) {
    constexpr unsigned long long known = CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD |
                                         CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY;
    const auto graph = now.driver.graphs.find(graph_handle);
    if (handle == nullptr || graph == nullptr || (flags & ~known) != 0) return CUDA_ERROR_INVALID_VALUE;
    auto exec = now.made(std::make_shared<GraphExec>());
    exec->nodes = graph->nodes;
    *handle = static_cast<CUgraphExec>(now.driver.graph_execs.add(exec));
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto exec = now.driver.graph_execs.find(handle);
    if (exec == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const auto stream = now.stream(stream_handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (const CUresult result = legacy_allowed(now.driver, *stream); result != CUDA_SUCCESS) return result;
    if (const CUresult result = not_capturing(*stream); result != CUDA_SUCCESS)
      return result;  // a graph inside of a graph is not simulated
    launch_nodes(now.driver, *exec, *stream);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuGraphUpload(CUgraphExec handle, CUstream stream_handle) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (now.driver.graph_execs.find(handle) == nullptr) return CUDA_ERROR_INVALID_VALUE;
    return now.stream(stream_handle) == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuGraphDestroy(CUgraph handle) {
  return release(__func__, Needs::Init,
                 [&](Call& now) { return now.driver.graphs.remove(handle) == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; });
}

// A launch that is queued still runs.
FLOWCUT_SIM_EXPORT CUresult cuGraphExecDestroy(CUgraphExec handle) {
  return release(__func__, Needs::Init,
                 [&](Call& now) { return now.driver.graph_execs.remove(handle) == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; });
}

// Launches that were made before the update keep the old nodes.
FLOWCUT_SIM_EXPORT CUresult cuGraphExecUpdate_v2(CUgraphExec handle, CUgraph graph_handle, CUgraphExecUpdateResultInfo* info) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto exec = now.driver.graph_execs.find(handle);
    const auto graph = now.driver.graphs.find(graph_handle);
    if (exec == nullptr || graph == nullptr || info == nullptr) return CUDA_ERROR_INVALID_VALUE;
    std::size_t at = 0;
    *info = {};
    info->result = difference(*exec, *graph, &at);
    if (info->result == CU_GRAPH_EXEC_UPDATE_SUCCESS) {
      exec->nodes = graph->nodes;
      return CUDA_SUCCESS;
    }
    if (at < graph->nodes.size()) info->errorNode = handle_of(graph->nodes[at]);
    return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  });
}

// nodes = null asks for their number.
FLOWCUT_SIM_EXPORT CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, std::size_t* count) {
  return call(__func__, Needs::Init, [&](Call& now) {
    const auto graph = now.driver.graphs.find(handle);
    if (graph == nullptr || count == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (nodes == nullptr) {
      *count = graph->nodes.size();
      return CUDA_SUCCESS;
    }
    const std::size_t room = *count;
    *count = std::min(room, graph->nodes.size());
    for (std::size_t i = 0; i < room; ++i) nodes[i] = i < graph->nodes.size() ? handle_of(graph->nodes[i]) : nullptr;
    return CUDA_SUCCESS;
  });
}
