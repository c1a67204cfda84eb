using FlowCut.Interop;

namespace FlowCut.Kernels;

/// <summary>Makes a context current for as long as it lives, and nothing else if it is current already.</summary>
internal readonly ref struct ContextScope
{
    private readonly DriverApi? _pushed;

    public ContextScope(DriverApi driver, nint context)
    {
        if (driver.CtxGetCurrent() == context) return;
        driver.CtxPushCurrent(context);
        _pushed = driver;
    }

    public void Dispose()
    {
        if (_pushed is null) return;
        try
        {
            _pushed.CtxPopCurrent();
        }
        catch (CudaException)
        {
            // a driver that is shutting down; the error of the operation itself, if any, is the one to report
        }
    }
}
