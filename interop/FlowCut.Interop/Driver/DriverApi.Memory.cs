namespace FlowCut.Interop;

// Memory, copies and what is known of pointers. Sizes are in bytes unless a parameter says otherwise.
public sealed unsafe partial class DriverApi
{
    /// <summary>Free and total memory of the current context's device. What a pool holds in reserve is not free.</summary>
    public (nuint Free, nuint Total) MemGetInfo()
    {
        Need(_cuda.cuMemGetInfo_v2);
        nuint free, total;
        Check(_cuda.cuMemGetInfo_v2(&free, &total));
        return (free, total);
    }

    /// <summary>Device memory outside any pool, aligned to at least 256 bytes. Synchronises the device on some systems.</summary>
    public DeviceMemoryHandle MemAlloc(ContextHandle context, nuint bytes)
    {
        Need(_cuda.cuMemAlloc_v2);
        var owner = new DeviceMemoryHandle(this);
        Enter(context);
        nint pointer = 0;
        var result = _cuda.cuMemAlloc_v2(&pointer, bytes);
        return Leave(owner, context, pointer, result, nameof(_cuda.cuMemAlloc_v2));
    }

    /// <summary>Frees memory of <c>cuMemAlloc</c> or a pool, after waiting for the device's work on it.</summary>
    public void MemFree(nint pointer)
    {
        Need(_cuda.cuMemFree_v2);
        Check(_cuda.cuMemFree_v2(pointer));
    }

    /// <summary>Memory of the current pool of the stream's device, usable by work of the stream from here on.</summary>
    public nint MemAllocAsync(nuint bytes, nint stream)
    {
        Need(_cuda.cuMemAllocAsync);
        nint pointer;
        Check(_cuda.cuMemAllocAsync(&pointer, bytes, stream));
        return pointer;
    }

    /// <summary>As <see cref="MemAllocAsync"/>, from a given pool.</summary>
    public nint MemAllocFromPoolAsync(nuint bytes, nint pool, nint stream)
    {
        Need(_cuda.cuMemAllocFromPoolAsync);
        nint pointer;
        Check(_cuda.cuMemAllocFromPoolAsync(&pointer, bytes, pool, stream));
        return pointer;
    }

    /// <summary>Gives memory back to its pool once the stream's work up to here is done.</summary>
    public void MemFreeAsync(nint pointer, nint stream)
    {
        Need(_cuda.cuMemFreeAsync);
        Check(_cuda.cuMemFreeAsync(pointer, stream));
    }

    /// <summary>A memory pool. It belongs to a device rather than to a context; the context is only kept alive for it.</summary>
    public MemoryPoolHandle MemPoolCreate(ContextHandle context, in MemoryPoolProperties properties)
    {
        Need(_cuda.cuMemPoolCreate);
        var owner = new MemoryPoolHandle(this);
        var copy = properties;
        Enter(context);
        nint pool = 0;
        var result = _cuda.cuMemPoolCreate(&pool, &copy);
        return Leave(owner, context, pool, result, nameof(_cuda.cuMemPoolCreate));
    }

    /// <param name="pool">A <c>CUmemoryPool</c>.</param>
    /// <param name="attribute">Reuse attributes are 0 or 1; the high-water marks can only be set to 0.</param>
    /// <param name="value">Bytes, for thresholds.</param>
    public void MemPoolSetAttribute(nint pool, MemoryPoolAttribute attribute, ulong value)
    {
        // The reuse attributes are read as 32 bits, the others as 64: in little-endian order one variable serves both.
        Need(_cuda.cuMemPoolSetAttribute);
        Check(_cuda.cuMemPoolSetAttribute(pool, attribute, &value));
    }

    public ulong MemPoolGetAttribute(nint pool, MemoryPoolAttribute attribute)
    {
        Need(_cuda.cuMemPoolGetAttribute);
        ulong value = 0;
        Check(_cuda.cuMemPoolGetAttribute(pool, attribute, &value));
        return value;
    }

    /// <summary>Gives unused memory of a pool back to the device, down to <paramref name="bytesToKeep"/>.</summary>
    public void MemPoolTrimTo(nint pool, nuint bytesToKeep)
    {
        Need(_cuda.cuMemPoolTrimTo);
        Check(_cuda.cuMemPoolTrimTo(pool, bytesToKeep));
    }

    /// <summary>Page-locked host memory.</summary>
    public HostMemoryHandle MemHostAlloc(ContextHandle context, nuint bytes, HostAllocationFlags flags)
    {
        Need(_cuda.cuMemHostAlloc);
        var owner = new HostMemoryHandle(this);
        Enter(context);
        void* pointer = null;
        var result = _cuda.cuMemHostAlloc(&pointer, bytes, (uint)flags);
        return Leave(owner, context, (nint)pointer, result, nameof(_cuda.cuMemHostAlloc));
    }

    /// <summary>The address at which the device sees page-locked host memory that is mapped.</summary>
    public nint MemHostGetDevicePointer(nint host)
    {
        Need(_cuda.cuMemHostGetDevicePointer_v2);
        nint pointer;
        Check(_cuda.cuMemHostGetDevicePointer_v2(&pointer, (void*)host, 0));
        return pointer;
    }

    /// <summary>Locks the pages of somebody else's host memory, which must outlive the handle.</summary>
    public HostRegistrationHandle MemHostRegister(ContextHandle context, nint host, nuint bytes, HostRegistrationFlags flags)
    {
        Need(_cuda.cuMemHostRegister_v2);
        var owner = new HostRegistrationHandle(this);
        Enter(context);
        var result = _cuda.cuMemHostRegister_v2((void*)host, bytes, (uint)flags);
        return Leave(owner, context, host, result, nameof(_cuda.cuMemHostRegister_v2));
    }

    /// <summary>Host to device, in stream order. From pageable memory it returns once the source has been read; from page-locked memory at once.</summary>
    public void MemcpyHtoDAsync(nint device, nint host, nuint bytes, nint stream)
    {
        Need(_cuda.cuMemcpyHtoDAsync_v2);
        Check(_cuda.cuMemcpyHtoDAsync_v2(device, (void*)host, bytes, stream));
    }

    /// <summary>Device to host, in stream order; the destination is complete once the stream has come this far.</summary>
    public void MemcpyDtoHAsync(nint host, nint device, nuint bytes, nint stream)
    {
        Need(_cuda.cuMemcpyDtoHAsync_v2);
        Check(_cuda.cuMemcpyDtoHAsync_v2((void*)host, device, bytes, stream));
    }

    /// <summary>Within devices, in stream order. The ranges must not overlap.</summary>
    public void MemcpyDtoDAsync(nint destination, nint source, nuint bytes, nint stream)
    {
        Need(_cuda.cuMemcpyDtoDAsync_v2);
        Check(_cuda.cuMemcpyDtoDAsync_v2(destination, source, bytes, stream));
    }

    public void Memcpy2DAsync(in Memcpy2D copy, nint stream)
    {
        Need(_cuda.cuMemcpy2DAsync_v2);
        fixed (Memcpy2D* pointer = &copy) Check(_cuda.cuMemcpy2DAsync_v2(pointer, stream));
    }

    /// <param name="device">Device memory.</param>
    /// <param name="value">Every byte gets it.</param>
    /// <param name="count">Bytes.</param>
    /// <param name="stream">A <c>CUstream</c>.</param>
    public void MemsetD8Async(nint device, byte value, nuint count, nint stream)
    {
        Need(_cuda.cuMemsetD8Async);
        Check(_cuda.cuMemsetD8Async(device, value, count, stream));
    }

    /// <param name="device">Device memory, aligned to 4 bytes.</param>
    /// <param name="value">Every 32-bit element gets it.</param>
    /// <param name="count">Elements.</param>
    /// <param name="stream">A <c>CUstream</c>.</param>
    public void MemsetD32Async(nint device, uint value, nuint count, nint stream)
    {
        Need(_cuda.cuMemsetD32Async);
        Check(_cuda.cuMemsetD32Async(device, value, count, stream));
    }

    /// <summary>One attribute of a pointer; fails with <see cref="CudaResult.InvalidValue"/> for memory that CUDA does not know.</summary>
    /// <typeparam name="T">The attribute's type: <c>nint</c> for pointers and handles, <c>int</c> for the device, <c>uint</c> for flags and the memory type.</typeparam>
    public T PointerGetAttribute<T>(PointerAttribute attribute, nint pointer)
        where T : unmanaged
    {
        Need(_cuda.cuPointerGetAttribute);
        T value = default;
        Check(_cuda.cuPointerGetAttribute(&value, attribute, pointer));
        return value;
    }

    /// <summary>Several attributes at once. For memory that CUDA does not know, they are 0 (the device -2) instead of an error.</summary>
    /// <param name="attributes">At most 16, none of them <see cref="PointerAttribute.P2pTokens"/>, which is larger than 8 bytes.</param>
    /// <param name="values">One per attribute; the low bytes hold it.</param>
    /// <param name="pointer">Any address.</param>
    public void PointerGetAttributes(ReadOnlySpan<PointerAttribute> attributes, Span<ulong> values, nint pointer)
    {
        const int Limit = 16;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(attributes.Length, Limit, nameof(attributes));
        if (attributes.Contains(PointerAttribute.P2pTokens)) throw new ArgumentException("Peer-to-peer tokens do not fit into 8 bytes.", nameof(attributes));
        if (values.Length < attributes.Length) throw new ArgumentException("There must be a value per attribute.", nameof(values));
        Need(_cuda.cuPointerGetAttributes);
        values[..attributes.Length].Clear();
        var targets = stackalloc void*[Limit];
        fixed (PointerAttribute* names = attributes)
        fixed (ulong* first = values)
        {
            for (var i = 0; i < attributes.Length; i++) targets[i] = first + i;
            Check(_cuda.cuPointerGetAttributes((uint)attributes.Length, names, targets, pointer));
        }
    }
}
