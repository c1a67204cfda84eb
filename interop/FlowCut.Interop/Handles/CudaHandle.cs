using System.Runtime.InteropServices;

namespace FlowCut.Interop;

/// <summary>
/// Owner of one native object. It counts as a user of its parent (the context it was made in), which therefore is not released
/// before it, in whatever order the two are disposed or finalised. Releasing makes the context current on whichever thread does
/// it, never throws, and happens once.
/// </summary>
public abstract class CudaHandle : SafeHandle
{
    private CudaHandle? _parent;
    private volatile bool _disposed;

    private protected CudaHandle(bool ownsHandle = true)
        : base(0, ownsHandle) { }

    public override bool IsInvalid => handle == 0;

    /// <summary>The native handle, for calls that take <c>nint</c>. It is valid as long as this object is neither disposed nor collected: keep a reference.</summary>
    /// <exception cref="ObjectDisposedException">The object was disposed, even if children still keep the native object alive.</exception>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return handle;
        }
    }

    private protected CudaHandle? Parent => _parent;

    /// <summary>Takes over a native object, and with it the reference to the parent that the caller has added.</summary>
    internal void Own(nint value, CudaHandle? parent)
    {
        _parent = parent;
        SetHandle(value);
    }

    /// <summary>Points at a native object that somebody else owns.</summary>
    internal void Borrow(nint value) => SetHandle(value);

    /// <returns>False: the library refused; the object is leaked or was gone with its context.</returns>
    private protected abstract bool Destroy(nint value);

    protected sealed override void Dispose(bool disposing)
    {
        _disposed = true;
        base.Dispose(disposing);
    }

    protected sealed override bool ReleaseHandle()
    {
        try
        {
            return Destroy(handle);
        }
        finally
        {
            _parent?.DangerousRelease();
        }
    }
}
