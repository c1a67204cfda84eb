namespace FlowCut.Interop;

/// <summary>How a graph becomes executable (<c>CUgraphInstantiate_flags</c>).</summary>
[Flags]
public enum GraphInstantiateFlags
{
    None = 0,
    AutoFreeOnLaunch = 1,
    Upload = 2,
    DeviceLaunch = 4,
    UseNodePriority = 8,
}

/// <summary>Why an executable graph could not take over another graph's parameters (<c>CUgraphExecUpdateResult</c>).</summary>
public enum GraphExecUpdateResult
{
    Success = 0,
    Error = 1,
    TopologyChanged = 2,
    NodeTypeChanged = 3,
    FunctionChanged = 4,
    ParametersChanged = 5,
    NotSupported = 6,
    UnsupportedFunctionChange = 7,
    AttributesChanged = 8,
}
