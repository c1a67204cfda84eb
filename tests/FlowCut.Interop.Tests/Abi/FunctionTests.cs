using System.Text.Json.Nodes;
using FlowCut.Testing;

namespace FlowCut.Interop.Tests.Abi;

/// <summary>Every symbol and signature in the tables of function pointers against the headers.</summary>
public class FunctionTests
{
    /// <summary>C types with a C# type of their own; enums and structs come from <see cref="AbiNeeds"/>.</summary>
    private static readonly Dictionary<string, Type> Scalars = new()
    {
        ["void"] = typeof(void),
        ["char"] = typeof(byte),
        ["unsigned char"] = typeof(byte),
        ["int"] = typeof(int),
        ["unsigned int"] = typeof(uint),
        ["float"] = typeof(float),
        ["unsigned long long"] = typeof(ulong),
        ["cuuint64_t"] = typeof(ulong),
        ["uint64_t"] = typeof(ulong),
        ["int64_t"] = typeof(long),
        ["size_t"] = typeof(nuint),
        ["CUdevice"] = typeof(int),
        ["CUdeviceptr"] = typeof(nint),
        ["CUuuid"] = typeof(Guid),
        ["CUDA_MEMCPY2D"] = typeof(Memcpy2D),
        ["cudaDataType"] = typeof(CudaDataType),
        ["libraryPropertyType"] = typeof(LibraryProperty),
    };

    private static readonly string[] Handles =
    [
        "CUcontext", "CUstream", "CUevent", "CUmodule", "CUfunction", "CUmemoryPool", "CUgraph", "CUgraphExec", "CUgraphNode", "nvrtcProgram", "cudaStream_t",
        "cublasLtHandle_t", "cublasLtMatmulDesc_t", "cublasLtMatrixLayout_t", "cublasLtMatmulPreference_t",
    ];

    public static TheoryData<string> SymbolNames => [.. AbiNeeds.Tables.SelectMany(table => AbiNeeds.Symbols(table.Table))];

    [Theory]
    [MemberData(nameof(SymbolNames))]
    public void Symbol_and_signature_are_those_of_the_headers(string symbol)
    {
        var (table, library) = AbiNeeds.Tables.Single(candidate => AbiNeeds.Symbols(candidate.Table).Contains(symbol));
        var pointer = table.GetField(symbol)!.FieldType;
        Assert.True(pointer.IsFunctionPointer && pointer.IsUnmanagedFunctionPointer);
        var function = AbiFile.Function(AbiNeeds.ApiName(symbol));
        Assert.Equal(library, (string?)function["library"]);
        Assert.NotEqual("False", function["exported"]?.ToString());

        // The one symbol is right in both majors: that a header maps the name to another does not take it away. Its signature is that
        // of the major whose header uses it.
        var majors = AbiFile.Majors.Where(major => (string?)function[major]!["symbol"] == symbol).ToArray();
        Assert.NotEmpty(majors);
        foreach (var major in majors)
        {
            var native = function[major]!;
            AssertFits((string)native["returns"]!, pointer.GetFunctionPointerReturnType(), symbol);
            var expected = native["params"]!.AsArray().Select(parameter => (string)parameter!["type"]!).ToArray();
            var actual = pointer.GetFunctionPointerParameterTypes();
            Assert.True(expected.Length == actual.Length, $"{symbol} has {actual.Length} parameters, in the headers {expected.Length}.");
            for (var i = 0; i < actual.Length; i++) AssertFits(expected[i], actual[i], $"{symbol}, parameter {i}");
        }
    }

    [Fact]
    public void Every_symbol_is_in_the_oldest_driver_that_will_do()
    {
        // Of these names the file tells when they got a second symbol; the plain one is there since CUDA 2.0 and 9.2.
        string[] renamed = ["cuEventElapsedTime", "cuStreamGetCtx"];
        foreach (var symbol in DriverFunctions.Symbols.ToArray().Except(renamed))
        {
            var function = AbiFile.Function(AbiNeeds.ApiName(symbol));
            var introduced = AbiFile.Majors.Where(major => (string?)function[major]!["symbol"] == symbol).Min(major => (int)function[major]!["introduced"]!);
            Assert.True(introduced <= DriverApi.MinimumVersion, $"{symbol} came with {introduced}.");
        }
    }

    [Fact]
    public void Tables_list_their_fields_in_order()
    {
        Assert.Equal(AbiNeeds.Symbols(typeof(DriverFunctions)), DriverFunctions.Symbols.ToArray());
        Assert.Equal(AbiNeeds.Symbols(typeof(NvrtcFunctions)), NvrtcFunctions.Symbols.ToArray());
        Assert.Equal(AbiNeeds.Symbols(typeof(CublasLtFunctions)), CublasLtFunctions.Symbols.ToArray());
    }

    [Theory]
    [InlineData(NativeLibraryKind.Nvrtc, "nvrtc")]
    [InlineData(NativeLibraryKind.CublasLt, "cublasLt")]
    internal void File_names_are_those_of_the_vendor(NativeLibraryKind kind, string library)
    {
        var names = AbiFile.Extract["libraries"]![library]!;
        foreach (var major in NativeLibraryKinds.Majors)
        {
            var key = major.ToString(System.Globalization.CultureInfo.InvariantCulture);
            Assert.Equal((string?)names["linux"]![key], kind.FileName(major, windows: false));
            Assert.Equal((string?)names["windows"]![key], kind.FileName(major, windows: true));
        }
    }

    [Theory]
    [InlineData(12, 9)]
    [InlineData(13, 0)]
    public void File_names_of_the_builtins_are_those_of_the_vendor(int major, int minor)
    {
        var names = AbiFile.Extract["libraries"]!["nvrtc_builtins"]!;
        var key = $"{major}.{minor}";
        Assert.Equal((string?)names["linux"]![key], NativeLibraryKinds.BuiltinsFileName(new Version(major, minor), windows: false));
        Assert.Equal((string?)names["windows"]![key], NativeLibraryKinds.BuiltinsFileName(new Version(major, minor), windows: true));
    }

    [Fact]
    public void Types_have_the_sizes_of_the_headers()
    {
        foreach (var (name, type) in AbiFile.Extract["types"]!.AsObject())
        {
            var managed = ExpectedType(name);
            var size = managed == typeof(int) || managed == typeof(uint) ? sizeof(int) : sizeof(long);
            foreach (var major in AbiFile.Majors) Assert.True((int)type![major]!["size"]! == size, name);
        }
    }

    [Fact]
    public void The_extract_is_a_part_of_the_complete_file()
    {
        var complete = JsonNode.Parse(File.ReadAllText(CudaReference.Require("abi.json")))!.AsObject();
        Assert.Equal(AbiFile.Format(AbiFile.Cut(complete)), File.ReadAllText(AbiFile.Path));
    }

    private static void AssertFits(string native, Type managed, string what)
    {
        var name = native.Replace("const", "", StringComparison.Ordinal).Replace("[]", "*", StringComparison.Ordinal).Trim();
        while (name.EndsWith('*'))
        {
            Assert.True(managed.IsPointer, $"{what}: {managed} for {native}.");
            managed = managed.GetElementType()!;
            name = name[..^1].Trim();
        }

        if (name == "CUhostFn")
        {
            Assert.True(managed.IsUnmanagedFunctionPointer);
            Assert.Equal([typeof(void*)], managed.GetFunctionPointerParameterTypes());
            return;
        }

        Assert.True(managed == ExpectedType(name), $"{what}: {managed} for {native}.");
    }

    private static Type ExpectedType(string name)
    {
        if (Scalars.TryGetValue(name, out var scalar)) return scalar;
        if (Handles.Contains(name)) return typeof(nint);
        return AbiNeeds.Enums.FirstOrDefault(item => item.Name == name)?.Type
            ?? AbiNeeds.Structs.FirstOrDefault(item => item.Name == name)?.Type
            ?? throw new InvalidDataException($"The tests do not know the type '{name}'.");
    }
}
