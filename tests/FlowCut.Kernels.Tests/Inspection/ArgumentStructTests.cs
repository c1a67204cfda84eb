using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;
using FlowCut.Interop;
using FlowCut.Kernels.Compilation;
using FlowCut.Kernels.Inspection;
using FlowCut.Kernels.Tests.Compilation;

namespace FlowCut.Kernels.Tests.Inspection;

/// <summary>
/// The C# struct that a launcher fills and the C++ struct that the kernel reads have the same name and the same layout: the
/// compiler checks every offset, written as assertions behind the kernel's source.
/// </summary>
public partial class ArgumentStructTests
{
    public static TheoryData<string> Sources => [.. KernelRegistry.All.Select(v => v.Source).Distinct()];

    [Theory]
    [MemberData(nameof(Sources))]
    public void Layouts_agree(string source)
    {
        var nvrtc = Nvrtc.Require();
        var variant = KernelRegistry.All.First(v => v.Source == source);
        var resolved = variant.Resolve();
        var structs = Parameter().Matches(resolved.Text).Select(m => m.Groups[1].Value).Distinct().ToArray();
        Assert.NotEmpty(structs);
        var text = new StringBuilder(resolved.Text);
        foreach (var name in structs) AppendAssertions(text, Struct(name));
        new KernelCompiler(nvrtc.Nvrtc).Compile(resolved with { Text = text.ToString() }, "sm_80");
    }

    [Fact]
    public void A_layout_that_differs_is_found()
    {
        var text = new StringBuilder("struct Twin { float* x; int rows; int columns; };\nextern \"C\" __global__ void fc_twin(const __grid_constant__ Twin args) {}\n");
        AppendAssertions(text, typeof(Twin));
        var source = new KernelSource("test/twin.cu", text.ToString(), Array.Empty<NvrtcHeader>());
        var compiler = new KernelCompiler(Nvrtc.Require().Nvrtc);
        compiler.Compile(source, "sm_80");
        Assert.Throws<KernelCompilationException>(() => compiler.Compile(source with { Text = source.Text.Replace("int rows; int columns;", "int columns; int rows;", StringComparison.Ordinal) }, "sm_80"));
        Assert.Throws<KernelCompilationException>(() => compiler.Compile(source with { Text = source.Text.Replace("int columns;", "int columns; float more;", StringComparison.Ordinal) }, "sm_80"));
    }

    private static Type Struct(string name) =>
        Assert.Single(typeof(KernelContext).Assembly.GetTypes(), t => t.IsValueType && t.Name == name);

    private static void AppendAssertions(StringBuilder text, Type type)
    {
        var offset = 0;
        foreach (var field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).OrderBy(f => f.MetadataToken))
        {
            var size = SizeOf(field.FieldType);
            var alignment = AlignmentOf(field.FieldType);
            offset = (offset + alignment - 1) / alignment * alignment;
            // NVRTC has no offsetof without a header; this is what its front end makes of it
            text.Append($"\nstatic_assert(__INTADDR__(&((({type.Name}*)0)->{Snake(field.Name)})) == {offset}, \"offset of {field.Name}\");");
            text.Append($"\nstatic_assert(sizeof({type.Name}::{Snake(field.Name)}) == {size}, \"size of {field.Name}\");");
            offset += size;
        }

        text.Append($"\nstatic_assert(sizeof({type.Name}) == {SizeOf(type)}, \"size\");\n");
    }

    private static int SizeOf(Type type) =>
        (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    /// <summary>That of the largest member, as in C.</summary>
    private static int AlignmentOf(Type type) =>
        type.IsPrimitive || type.IsPointer || type.IsEnum
            ? SizeOf(type)
            : type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Max(f => AlignmentOf(f.FieldType));

    private static string Snake(string name) => WordStart().Replace(name, "_$0").ToLowerInvariant();

    private struct Twin
    {
#pragma warning disable CS0649, CS0169, IDE0044, IDE0051 // a layout, never filled
        public nint X;
        public int Rows;
        public int Columns;
#pragma warning restore CS0649, CS0169, IDE0044, IDE0051
    }

    [GeneratedRegex(@"^extern ""C"" __global__ .*\bfc_\w+\(const __grid_constant__ (\w+) \w+\)", RegexOptions.Multiline)]
    private static partial Regex Parameter();

    [GeneratedRegex(@"(?<=[a-z0-9])[A-Z]|(?<=[A-Z])[A-Z](?=[a-z])")]
    private static partial Regex WordStart();
}
