namespace FlowCut.Models.Backends;

/// <summary>
/// Where one sequence stands in decoding, kept where the backend's work reads it: what is queued for a token is then the same
/// for every token, and can be recorded once. Made by <see cref="Backend.AllocateStep"/>.
/// </summary>
public abstract class DecodeStep : IDisposable
{
    /// <summary>Queued: what the next work is about.</summary>
    /// <param name="token">The token that is read.</param>
    /// <param name="position">Its rotary position.</param>
    /// <param name="cached">Rows of the key/value cache in front of it; it takes the row of this number.</param>
    public abstract void MoveTo(int token, int position, int cached);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}

/// <summary>
/// Work that is queued again and again without a change, so that a backend may record it and queue the record: a CUDA graph. The
/// tensors that it uses have to stay where they are. Made by <see cref="Backend.Repeat"/>.
/// </summary>
public abstract class RepeatedWork : IDisposable
{
    /// <summary>Operations in the record; 0 while there is none.</summary>
    public abstract int RecordedOperations { get; }

    /// <summary>Queues the work once more.</summary>
    /// <param name="cancellation">Handed to the work where it is queued piece by piece.</param>
    public abstract void Run(CancellationToken cancellation);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
