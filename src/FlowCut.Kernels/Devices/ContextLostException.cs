using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>A context cannot be used any more because an earlier operation on it failed. The inner exception is that failure.</summary>
public sealed class ContextLostException : Exception
{
    public ContextLostException(CudaException cause)
        : base($"The CUDA context is lost: {cause?.Message} Nothing in it can be used any more; end the process (or destroy the context, if it is yours) and start again.", cause) { }
}
