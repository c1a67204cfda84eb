namespace FlowCut.Kernels.Transformer;

/// <summary>Keys and values of new rows and where in the cache they go. All have one element type.</summary>
/// <param name="Key">[rows, key/value heads·head size]; not changed.</param>
/// <param name="Value">[rows, key/value heads·head size].</param>
/// <param name="KeyCache">[cache rows, key/value heads·head size]; with no <paramref name="CacheRows"/> it may be <paramref name="Key"/> itself.</param>
/// <param name="ValueCache">[cache rows, key/value heads·head size]; with no <paramref name="CacheRows"/> it may be <paramref name="Value"/> itself.</param>
/// <param name="CacheRows">
/// [rows] on the device: the cache row of each new row, all different; a negative one is not written. Empty: row i goes to row i.
/// Not checked: the rows have to exist.
/// </param>
public readonly record struct CacheAppend(DeviceMatrix Key, DeviceMatrix Value, DeviceMatrix KeyCache, DeviceMatrix ValueCache, DeviceArray<int> CacheRows = default);
