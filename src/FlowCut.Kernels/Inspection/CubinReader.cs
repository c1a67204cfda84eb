using System.Buffers.Binary;

namespace FlowCut.Kernels.Inspection;

/// <summary>What an image says about one of its kernels.</summary>
/// <param name="Name">The entry point.</param>
/// <param name="ComputeCapability">10·major + minor.</param>
/// <param name="Registers">Registers per thread.</param>
/// <param name="StackFrame">Bytes of local memory per thread of the kernel itself: spilled registers and local arrays. 0 proves that nothing is spilled.</param>
/// <param name="MinStack">Bytes with callees; null where recursion or calls through pointers hide it.</param>
/// <param name="StaticShared">Bytes of shared memory declared with a fixed size; what the system reserves is taken off.</param>
/// <param name="ParameterBytes">Bytes of all parameters.</param>
/// <param name="Barriers">Named barriers in use.</param>
internal sealed record CubinKernel(string Name, int ComputeCapability, int? Registers, int? StackFrame, int? MinStack, int StaticShared, int ParameterBytes, int Barriers)
{
    /// <summary>Offset and size of each parameter, in the order of the declaration.</summary>
    public IReadOnlyList<(int Offset, int Bytes)> Parameters { get; init; } = [];

    /// <summary>Product of the three dimensions of the launch bounds; null without.</summary>
    public int? MaxThreads { get; init; }
}

/// <summary>
/// Reads the figures of every kernel from a cubin: a little-endian ELF64 file whose .nv.info sections hold records of a
/// format byte, an attribute byte and a 16-bit value, which is the length of a payload in one of the formats. Two flavours
/// occur: ELF ABI version 7 (CUDA 12 up to sm_90a) and 8.
/// </summary>
internal static class CubinReader
{
    private const byte PayloadFormat = 4;
    private const byte ByteFormat = 2;
    private const uint Unknown = 0xFFFFFFFF;
    // for compute capability 9.0 and up the section contains what the system reserves
    private const int ReservedShared = 1024;

    /// <summary>The kernels, in the order of their names.</summary>
    /// <exception cref="InvalidDataException">Not a cubin, or a damaged one.</exception>
    public static IReadOnlyList<CubinKernel> Read(ReadOnlySpan<byte> image)
    {
        try
        {
            var elf = CubinElf.Parse(image);
            var perFunction = FunctionRecords(image, elf);
            var kernels = new List<CubinKernel>();
            foreach (var symbol in elf.Symbols)
            {
                if (symbol.IsKernel) kernels.Add(Kernel(image, elf, symbol.Name, perFunction));
            }

            kernels.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
            return kernels;
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or IndexOutOfRangeException or OverflowException)
        {
            throw new InvalidDataException("The cubin is damaged: a table points outside of the file.", e);
        }
    }

    private static CubinKernel Kernel(ReadOnlySpan<byte> image, CubinElf elf, string name, Dictionary<(byte Attribute, string Kernel), uint> perFunction)
    {
        int? Figure(byte attribute) => perFunction.TryGetValue((attribute, name), out var figure) && figure != Unknown ? (int)figure : null;
        var parameters = new SortedDictionary<int, (int Offset, int Bytes)>();
        var (parameterBytes, barriers) = (0, 0);
        int? maxThreads = null;
        var records = elf.Content(image, ".nv.info." + name);
        while (Next(ref records, out var attribute, out var value, out var payload))
        {
            switch (attribute)
            {
                case CubinAttribute.ParameterInfo:
                case CubinAttribute.ParameterInfoLarge:
                    var packed = U32(payload[8..]);
                    var size = attribute == CubinAttribute.ParameterInfo ? packed >> 18 : packed & 0xFFFF;
                    parameters[U16(payload[4..])] = (U16(payload[6..]), (int)size);
                    break;
                case CubinAttribute.ParameterBytes: parameterBytes = value; break;
                case CubinAttribute.Barriers: barriers = value; break;
                case CubinAttribute.MaxThreads: maxThreads = checked((int)(U32(payload) * U32(payload[4..]) * U32(payload[8..]))); break;
                default: break;
            }
        }

        // ABI 7 has no record of barriers: bits 20 to 26 of the flags of the code
        if (elf.AbiVersion < 8) barriers = (int)(elf.Section(".text." + name)!.Value.Flags >> 20) & 0x7F;
        var shared = elf.Section(".nv.shared." + name)?.Size ?? 0;
        if (elf.ComputeCapability >= 90) shared = Math.Max(0, shared - ReservedShared);
        return new CubinKernel(name, elf.ComputeCapability, Figure(CubinAttribute.Registers), Figure(CubinAttribute.StackFrame), Figure(CubinAttribute.MinStack), shared, parameterBytes, barriers)
        {
            Parameters = [.. parameters.Values],
            MaxThreads = maxThreads,
        };
    }

    /// <summary>.nv.info has one record for each function and figure: symbol index and value.</summary>
    private static Dictionary<(byte Attribute, string Kernel), uint> FunctionRecords(ReadOnlySpan<byte> image, CubinElf elf)
    {
        var figures = new Dictionary<(byte, string), uint>();
        var records = elf.Content(image, ".nv.info");
        while (Next(ref records, out var attribute, out _, out var payload))
        {
            if (payload.Length == 8) figures[(attribute, elf.Symbols[(int)U32(payload)].Name)] = U32(payload[4..]);
        }

        return figures;
    }

    private static bool Next(ref ReadOnlySpan<byte> records, out byte attribute, out int value, out ReadOnlySpan<byte> payload)
    {
        (attribute, value) = (0, 0);
        payload = default;
        if (records.IsEmpty) return false;
        var format = records[0];
        attribute = records[1];
        value = U16(records[2..]);
        records = records[4..];
        if (format == PayloadFormat)
        {
            payload = records[..value];
            records = records[value..];
        }
        else if (format == ByteFormat)
        {
            value &= 0xFF;
        }

        return true;
    }

    private static ushort U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
