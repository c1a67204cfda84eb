namespace FlowCut.Interop;

// Graphs.
public sealed unsafe partial class DriverApi
{
    /// <param name="context">Where the graph's work runs; kept alive by the result.</param>
    /// <param name="graph">What to make executable; it may be destroyed afterwards.</param>
    /// <param name="flags">How.</param>
    public GraphExecHandle GraphInstantiateWithFlags(ContextHandle context, GraphHandle graph, GraphInstantiateFlags flags = GraphInstantiateFlags.None)
    {
        ArgumentNullException.ThrowIfNull(graph);
        Need(_cuda.cuGraphInstantiateWithFlags);
        var owner = new GraphExecHandle(this);
        var template = graph.Value;
        Enter(context);
        nint exec = 0;
        var result = _cuda.cuGraphInstantiateWithFlags(&exec, template, (ulong)flags);
        GC.KeepAlive(graph);
        return Leave(owner, context, exec, result, nameof(_cuda.cuGraphInstantiateWithFlags));
    }

    /// <summary>Runs an executable graph in stream order.</summary>
    public void GraphLaunch(nint exec, nint stream)
    {
        Need(_cuda.cuGraphLaunch);
        Check(_cuda.cuGraphLaunch(exec, stream));
    }

    /// <summary>Moves what the graph needs to the device ahead of its first launch.</summary>
    public void GraphUpload(nint exec, nint stream)
    {
        Need(_cuda.cuGraphUpload);
        Check(_cuda.cuGraphUpload(exec, stream));
    }

    /// <summary>Gives an executable graph the parameters of another graph of the same shape.</summary>
    /// <returns>Also where the graphs do not fit: then its <see cref="GraphExecUpdateInfo.Result"/> says why, nothing was changed, and the graph must be instantiated anew.</returns>
    public GraphExecUpdateInfo GraphExecUpdate(nint exec, GraphHandle graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        Need(_cuda.cuGraphExecUpdate_v2);
        GraphExecUpdateInfo info = default;
        var result = _cuda.cuGraphExecUpdate_v2(exec, graph.Value, &info);
        GC.KeepAlive(graph);
        if (result != CudaResult.GraphExecUpdateFailure) Check(result, nameof(_cuda.cuGraphExecUpdate_v2));
        return info;
    }

    /// <summary>Number of a graph's nodes; 0: nothing was captured.</summary>
    public int GraphGetNodeCount(GraphHandle graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        Need(_cuda.cuGraphGetNodes);
        nuint count = 0;
        var result = _cuda.cuGraphGetNodes(graph.Value, null, &count);
        GC.KeepAlive(graph);
        Check(result, nameof(_cuda.cuGraphGetNodes));
        return checked((int)count);
    }
}
