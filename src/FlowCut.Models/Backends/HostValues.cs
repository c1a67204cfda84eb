namespace FlowCut.Models.Backends;

/// <summary>
/// Numbers that queued work hands to the host. Reading waits for exactly the work that writes them, so that a device
/// may go on with what was queued behind it.
/// </summary>
public abstract class HostValues(int count) : IDisposable
{
    public int Count { get; } = count;

    /// <summary>Waits for the last operation that was given this object, then reads entry <paramref name="index"/>.</summary>
    public abstract double Read(int index);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
