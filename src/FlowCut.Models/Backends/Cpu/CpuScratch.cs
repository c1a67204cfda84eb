using System.Runtime.InteropServices;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>Native working memory that grows to the largest size asked for and is then reused. One for each worker of each operation.</summary>
internal sealed unsafe class CpuScratch : IDisposable
{
    private void* _data;
    private nuint _bytes;

    ~CpuScratch() => Free();

    /// <summary>At least <paramref name="bytes"/> bytes, 64-byte aligned, contents undefined; valid until the next call.</summary>
    public void* Rent(long bytes)
    {
        var needed = checked((nuint)bytes);
        if (needed > _bytes)
        {
            Free();
            _data = NativeMemory.AlignedAlloc(needed, 64);
            _bytes = needed;
        }

        return _data;
    }

    /// <summary>One for each worker of <paramref name="pool"/>.</summary>
    public static CpuScratch[] ForWorkers(CpuThreadPool pool)
    {
        var scratch = new CpuScratch[pool.Workers];
        for (var i = 0; i < scratch.Length; i++) scratch[i] = new CpuScratch();
        return scratch;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_data);
        _data = null;
        _bytes = 0;
    }
}
