using FlowCut.Interop;
using ModuleHandle = FlowCut.Interop.ModuleHandle;

namespace FlowCut.Kernels;

/// <summary>A loaded image; its functions live as long as it does.</summary>
internal sealed class KernelModule(CudaContext context, ModuleHandle handle) : IDisposable
{
    private readonly Lock _lock = new();

    /// <summary>An entry point, allowed to ask for at least <paramref name="sharedBytes"/> bytes of dynamic shared memory.</summary>
    /// <exception cref="CudaException">There is no such function, or the device has less shared memory.</exception>
    public nint Function(string entry, int sharedBytes)
    {
        // one function may serve several launches: the limit is only ever raised
        lock (_lock)
        {
            return context.Run((Module: handle.Value, entry, sharedBytes), static (driver, s) =>
            {
                var function = driver.ModuleGetFunction(s.Module, s.entry);
                if (s.sharedBytes > driver.FuncGetAttribute(FunctionAttribute.MaxDynamicSharedSizeBytes, function))
                    driver.FuncSetAttribute(function, FunctionAttribute.MaxDynamicSharedSizeBytes, s.sharedBytes);
                return function;
            });
        }
    }

    public void Dispose() => handle.Dispose();
}
