using System.Buffers.Binary;
using System.Text;

namespace FlowCut.Kernels.Inspection;

/// <summary>The sections and symbols of a cubin.</summary>
internal sealed class CubinElf
{
    private const ushort CudaMachine = 190;
    private const int SectionHeaderBytes = 64;
    private const int SymbolBytes = 24;
    private const uint SymbolTable = 2;

    private readonly Dictionary<string, CubinSection> _sections = new(StringComparer.Ordinal);

    private CubinElf(byte abiVersion, int computeCapability) => (AbiVersion, ComputeCapability) = (abiVersion, computeCapability);

    public byte AbiVersion { get; }

    /// <summary>10·major + minor.</summary>
    public int ComputeCapability { get; }

    /// <summary>In the order of the table, to which records refer by index.</summary>
    public IReadOnlyList<CubinSymbol> Symbols { get; private set; } = [];

    /// <exception cref="InvalidDataException">Not a cubin.</exception>
    public static CubinElf Parse(ReadOnlySpan<byte> image)
    {
        if (image.Length < 64 || !image.StartsWith("\u007fELF\u0002\u0001"u8)) throw new InvalidDataException("Not a little-endian ELF64 file.");
        if (U16(image[18..]) != CudaMachine) throw new InvalidDataException("The ELF file is not for a CUDA device.");
        var (abi, flags) = (image[8], U32(image[48..]));
        var elf = new CubinElf(abi, (int)(abi >= 8 ? flags >> 8 : flags) & 0xFF);
        elf.ReadSections(image);
        return elf;
    }

    public CubinSection? Section(string name) => _sections.TryGetValue(name, out var section) ? section : null;

    /// <exception cref="InvalidDataException">There is no such section.</exception>
    public ReadOnlySpan<byte> Content(ReadOnlySpan<byte> image, string name)
    {
        var section = Section(name) ?? throw new InvalidDataException($"The cubin has no section {name}.");
        return image.Slice(section.Offset, section.Size);
    }

    private void ReadSections(ReadOnlySpan<byte> image)
    {
        var start = checked((int)U64(image[40..]));
        int count = U16(image[60..]), names = U16(image[62..]);
        var raw = new (uint Name, uint Type, uint Link, CubinSection Section)[count];
        for (var i = 0; i < count; i++)
        {
            var header = image.Slice(start + i * SectionHeaderBytes, SectionHeaderBytes);
            raw[i] = (U32(header), U32(header[4..]), U32(header[40..]), new CubinSection(checked((int)U64(header[24..])), checked((int)U64(header[32..])), U64(header[8..])));
        }

        foreach (var (name, type, link, section) in raw)
        {
            _sections[Text(image, raw[names].Section, name)] = section;
            if (type == SymbolTable) Symbols = ReadSymbols(image, section, raw[(int)link].Section);
        }
    }

    private static CubinSymbol[] ReadSymbols(ReadOnlySpan<byte> image, CubinSection table, CubinSection strings)
    {
        var symbols = new CubinSymbol[table.Size / SymbolBytes];
        for (var i = 0; i < symbols.Length; i++)
        {
            var entry = image.Slice(table.Offset + i * SymbolBytes, SymbolBytes);
            symbols[i] = new CubinSymbol(Text(image, strings, U32(entry)), entry[4], entry[5]);
        }

        return symbols;
    }

    private static string Text(ReadOnlySpan<byte> image, CubinSection strings, uint at)
    {
        var text = image.Slice(strings.Offset, strings.Size)[(int)at..];
        return Encoding.UTF8.GetString(text[..text.IndexOf((byte)0)]);
    }

    private static ushort U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static ulong U64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt64LittleEndian(bytes);
}

/// <summary>Where a section lies; sections without content (shared memory) have a size all the same.</summary>
internal readonly record struct CubinSection(int Offset, int Size, ulong Flags);

/// <summary>A symbol with its type and visibility bytes.</summary>
internal readonly record struct CubinSymbol(string Name, byte Info, byte Other)
{
    private const int Function = 2;
    private const int CudaEntry = 0x10;

    public bool IsKernel => (Info & 15) == Function && (Other & CudaEntry) != 0;
}
