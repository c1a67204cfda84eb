using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace FlowCut.Interop.Tests.Abi;

/// <summary>Size of every struct, and offset and size of every field, against the headers.</summary>
public class StructTests
{
    public static TheoryData<string> Names => [.. AbiNeeds.Structs.Select(item => item.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Layout_is_that_of_the_headers(string name)
    {
        var item = AbiNeeds.Structs.Single(candidate => candidate.Name == name);
        var fields = item.Type.GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance);
        Assert.Equal(fields.Select(field => field.Name).Order(), item.Fields.Select(field => field.Field).Order());
        foreach (var major in AbiFile.Majors)
        {
            var native = AbiFile.Struct(name)[major]!;
            Assert.Equal((int)native["size"]!, SizeOf(item.Type));
            foreach (var (field, nativeName) in item.Fields)
            {
                var expected = native["fields"]!.AsArray().Single(candidate => (string?)candidate!["name"] == nativeName)!;
                var offset = (int)Marshal.OffsetOf(item.Type, field);
                Assert.True(offset == (int)expected["offset"]!, $"{item.Type.Name}.{field} lies at {offset}, {nativeName} at {expected["offset"]}.");
                var size = SizeOf(fields.Single(candidate => candidate.Name == field).FieldType);
                Assert.True(size == NativeSize(native, nativeName, field), $"{item.Type.Name}.{field} has {size} bytes, {nativeName} {expected["size"]}.");
            }

            // A Dim3 covers Y and Z too; the launch attribute's padding needs no name.
            var unnamed = native["fields"]!.AsArray().Select(field => (string)field!["name"]!).Except(item.Fields.Select(field => field.Native));
            Assert.DoesNotContain(unnamed, field => field is not ("gridDimY" or "gridDimZ" or "blockDimY" or "blockDimZ" or "pad"));
        }
    }

    [Theory]
    [InlineData(nameof(LaunchAttribute.ClusterDimension), "clusterDim", LaunchAttributeId.ClusterDimension)]
    [InlineData(nameof(LaunchAttribute.Cooperative), "cooperative", LaunchAttributeId.Cooperative)]
    [InlineData(nameof(LaunchAttribute.ProgrammaticStreamSerializationAllowed), "programmaticStreamSerializationAllowed", LaunchAttributeId.ProgrammaticStreamSerialization)]
    [InlineData(nameof(LaunchAttribute.Priority), "priority", LaunchAttributeId.Priority)]
    [InlineData(nameof(LaunchAttribute.SharedMemoryCarveout), "sharedMemCarveout", LaunchAttributeId.PreferredSharedMemoryCarveout)]
    public void Members_of_the_launch_attribute_union_are_those_of_the_headers(string field, string native, LaunchAttributeId id)
    {
        Assert.True(Enum.IsDefined(id));
        foreach (var major in AbiFile.Majors)
        {
            var value = (int)AbiFile.Struct("CUlaunchAttribute")[major]!["fields"]!.AsArray().Single(candidate => (string?)candidate!["name"] == "value")!["offset"]!;
            var member = AbiFile.Struct("CUlaunchAttributeValue")[major]!["fields"]!.AsArray().Single(candidate => (string?)candidate!["name"] == native)!;
            Assert.Equal(value + (int)member["offset"]!, (int)Marshal.OffsetOf<LaunchAttribute>(field));
            Assert.Equal((int)member["size"]!, SizeOf(typeof(LaunchAttribute).GetField(field)!.FieldType));
        }
    }

    [Fact]
    public void A_uuid_is_as_large_as_a_guid() => Assert.Equal((int)AbiFile.Struct("CUuuid")["13"]!["size"]!, Unsafe.SizeOf<Guid>());

    /// <summary>A Dim3 stands for three fields in a row; members of the launch attribute's union have a test of their own.</summary>
    private static int NativeSize(JsonNode native, string nativeName, string field)
    {
        var fields = native["fields"]!.AsArray();
        int Size(string name) => (int)fields.Single(candidate => (string?)candidate!["name"] == name)!["size"]!;
        if (nativeName.EndsWith("DimX", StringComparison.Ordinal)) return Size(nativeName) + Size(nativeName[..^1] + "Y") + Size(nativeName[..^1] + "Z");
        return nativeName == "value" ? SizeOf(typeof(LaunchAttribute).GetField(field)!.FieldType) : Size(nativeName);
    }

    private static int SizeOf(Type type) => type.IsPointer
        ? nint.Size
        : (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;
}
