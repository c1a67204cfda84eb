namespace FlowCut.Models.Checkpoints;

/// <summary>Element types as checkpoints store them. The runtime computes from the first three; the others are readable as raw bytes.</summary>
public enum StoredType
{
    Float32,
    Float16,
    BFloat16,
    Float64,
    Int64,
    Int32,
    Int16,
    Int8,
    UInt64,
    UInt32,
    UInt16,
    UInt8,
    Bool,
    /// <summary>A type that safetensors defines and this library only passes through (8-bit floats and smaller, complex).</summary>
    Other,
}
